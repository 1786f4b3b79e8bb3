/**
 * What one turn appends to an outbox, as a shared sequence: all sessions that got the same frames in the same order
 * in a turn stand on the same bundle, so its WebSocket encoding is one buffer for all of them.
 * A bundle is a node of a tree that lives for one turn; the path from the root to it is the sequence.
 */
import type { Frame } from '../wire/frames.ts'

export class Bundle {
  readonly parent: Bundle | null
  readonly frame: Frame | null
  readonly count: number
  readonly bytes: number
  /** All frames of the sequence in the transport's encoding, made by the first link that needs it. */
  encoded: Uint8Array | null = null
  // Almost always one child: the next message of the same room.
  #child: Bundle | null = null
  #others: Map<Frame, Bundle> | null = null

  constructor(parent: Bundle | null, frame: Frame | null) {
    this.parent = parent
    this.frame = frame
    this.count = parent ? parent.count + 1 : 0
    this.bytes = parent && frame ? parent.bytes + frame.size : 0
  }

  with(frame: Frame): Bundle {
    if (this.#child?.frame === frame) return this.#child
    if (!this.#child) {
      this.#child = new Bundle(this, frame)
      return this.#child
    }
    this.#others ??= new Map()
    let bundle = this.#others.get(frame)
    if (!bundle) {
      bundle = new Bundle(this, frame)
      this.#others.set(frame, bundle)
    }
    return bundle
  }

  frames(): Frame[] {
    const frames: Frame[] = new Array(this.count)
    let node: Bundle | null = this
    for (let i = this.count - 1; i >= 0; i--) {
      frames[i] = node!.frame!
      node = node!.parent
    }
    return frames
  }
}
