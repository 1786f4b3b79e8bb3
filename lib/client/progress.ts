/** What a user may watch while much is on its way. Pure: the clock is handed in. */

export type Progress =
  | {
      readonly of: 'upload'
      /** Bytes of messages that have left for the network; falls where a lost link makes some leave again. */
      readonly sent: number
      /** Bytes of messages since all had left last; grows with what is emitted meanwhile. */
      readonly total: number
    }
  | {
      readonly of: 'replay'
      /** Messages that have come of those missed. */
      readonly received: number
      /** What `resume` told as `missed`. */
      readonly total: number
    }

/** Less than this on its way is gone before anybody could look. */
export const UPLOAD_BYTES = 256 * 1024
const EVERY_MS = 100

export interface OnTheWay {
  /** Bytes of all messages ever emitted. */
  readonly emittedBytes: number
  /** How many of those have not left; null without a link. */
  readonly unsentBytes: number | null
  readonly replay: { readonly received: number; readonly total: number } | null
}

/** Tells the beginning, each tenth of a second in between, and the end. */
export class ProgressWatch {
  readonly #tell: (progress: Progress) => void
  /** Bytes emitted before the upload that is watched began. */
  #base: number | null = null
  #isReplaying = false
  #uploadAt = Number.NEGATIVE_INFINITY
  #replayAt = Number.NEGATIVE_INFINITY

  constructor(tell: (progress: Progress) => void) {
    this.#tell = tell
  }

  /** The session was lost, and its numbers with it. */
  reset(): void {
    this.#base = null
    this.#isReplaying = false
  }

  /** A resume has told that something was missed. */
  replayBegins(): void {
    this.#isReplaying = true
    this.#replayAt = Number.NEGATIVE_INFINITY
  }

  /** @returns when to look again at the latest; Infinity when nothing is under way */
  look(now: number, { emittedBytes, unsentBytes, replay }: OnTheWay): number {
    this.#upload(now, emittedBytes, unsentBytes)
    this.#replay(now, replay)
    return this.#base === null || unsentBytes === null ? Number.POSITIVE_INFINITY : now + EVERY_MS
  }

  #upload(now: number, emitted: number, unsent: number | null): void {
    if (unsent === null) return
    if (this.#base === null) {
      if (unsent < UPLOAD_BYTES) return
      this.#base = Math.max(0, emitted - unsent)
      this.#uploadAt = Number.NEGATIVE_INFINITY
    }
    const total = emitted - this.#base
    const isOver = unsent === 0
    if (!isOver && now < this.#uploadAt + EVERY_MS) return
    this.#uploadAt = now
    if (isOver) this.#base = null
    this.#tell({ of: 'upload', sent: Math.max(0, total - unsent), total })
  }

  #replay(now: number, replay: OnTheWay['replay']): void {
    if (replay === null) {
      this.#isReplaying = false
      return
    }
    if (!this.#isReplaying) return
    const isOver = replay.received === replay.total
    if (!isOver && now < this.#replayAt + EVERY_MS) return
    this.#replayAt = now
    if (isOver) this.#isReplaying = false
    this.#tell({ of: 'replay', ...replay })
  }
}
