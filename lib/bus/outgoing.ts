/** The stream to a peer and the notes between its items: what may leave, and in which order. Pure. */
import type { Frame } from '../wire/frames.ts'
import type { Outbox } from '../wire/stream.ts'
import type { Batch } from './batch.ts'
import type { BusFigures } from './bus.ts'
import { Notes } from './notes.ts'

export class Outgoing {
  readonly notes = new Notes()
  /** Items 1 … cursor have gone out on this connection or were received before it. */
  cursor = 0
  /** Items 1 … due are committed and may go out. */
  due = 0
  /** Items 1 … sent have gone out at least once. */
  #sent = 0
  readonly #frameBytes: number
  readonly #figures: BusFigures

  constructor(frameBytes: number, figures: BusFigures) {
    this.#frameBytes = frameBytes
    this.#figures = figures
  }

  get idle(): boolean {
    return this.cursor >= this.due && this.notes.empty
  }

  /** Up to `budget` bytes; the last part may pass it. */
  fill(batch: Batch, outbox: Outbox<Frame>, budget: number): void {
    while (batch.size < budget) {
      const note = this.notes.shift(this.cursor)
      if (note) {
        batch.envelope(note)
        continue
      }
      if (this.cursor >= this.due) return
      const item = outbox.at(this.cursor + 1)
      if (item.size >= this.#frameBytes)
        throw new RangeError(`an item of ${item.size} bytes cannot be carried`)
      batch.item(item)
      this.cursor += 1
      this.#figures.itemsSent += 1
      if (this.cursor <= this.#sent) this.#figures.itemsResent += 1
      else this.#sent = this.cursor
    }
  }

  reset(): void {
    this.cursor = 0
    this.due = 0
    this.#sent = 0
  }
}
