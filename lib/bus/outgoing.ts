/** The stream to a peer and the notes between its items: what may leave, and in which order. Pure. */
import type { Frame } from '../wire/frames.ts'
import type { Outbox } from '../wire/stream.ts'
import type { Batch } from './batch.ts'
import type { BusFigures } from './bus.ts'
import { Notes } from './notes.ts'
import { Overflow } from './overflow.ts'

export class Outgoing {
  readonly notes = new Notes()
  /** Items 1 … cursor have gone out on this connection or were received before it; without one: may have. */
  cursor: number
  /** Items 1 … due are committed and may go out. */
  due = 0
  /** Items 1 … sent have gone out at least once. */
  #sent = 0
  readonly #overflow: Overflow
  readonly #frameBytes: number
  readonly #figures: BusFigures

  /** @param cursor so many items may have gone out before this process */
  constructor(cursor: number, frameBytes: number, figures: BusFigures) {
    this.cursor = cursor
    this.#frameBytes = frameBytes
    this.#figures = figures
    this.#overflow = new Overflow(figures)
  }

  get idle(): boolean {
    return this.cursor >= this.due && this.notes.empty
  }

  /** All that is in the outbox may go out. */
  commit(end: number): void {
    this.due = end
    this.#overflow.flushed(end)
  }

  /** @returns how many items may have gone out: all others are about to be taken back */
  cut(): number {
    // What takes their place is not committed yet.
    this.due = Math.min(this.due, this.cursor)
    this.#overflow.begin()
    return this.cursor
  }

  received(count: number): void {
    this.#overflow.received(count)
  }

  /** Up to `budget` bytes; the last part may pass it. */
  fill(batch: Batch, outbox: Outbox<Frame>, budget: number): void {
    while (batch.size < budget) {
      const note = this.notes.shift(this.cursor, outbox.end)
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
    this.#overflow.end()
  }
}
