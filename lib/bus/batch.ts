/** What leaves in one write: a write costs the same whatever is in it. */
import type { Frame } from '../wire/frames.ts'
import { ITEM_HEADER_BYTES, writeItem } from './envelope.ts'

export class Batch {
  #parts: (Frame | Uint8Array)[] = []
  size = 0

  item(frame: Frame): void {
    this.#parts.push(frame)
    this.size += ITEM_HEADER_BYTES + frame.size
  }

  /** Already in its envelope. */
  envelope(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.size += bytes.length
  }

  /** One buffer: copying a small item costs less than a place in a writev. */
  encode(): Uint8Array {
    const out = Buffer.allocUnsafe(this.size)
    let at = 0
    for (const part of this.#parts) {
      if (part instanceof Uint8Array) {
        out.set(part, at)
        at += part.length
      } else {
        const { data } = part
        at = writeItem(out, at, typeof data === 'string' ? Buffer.from(data) : data)
      }
    }
    return out
  }
}
