/** Whether a peer was cut off because the stream to it went past its bound, and until when that counts. */
import type { BusFigures } from './bus.ts'

export class Overflow {
  readonly #figures: BusFigures
  /** It has caught up with so many items received; Infinity until they are flushed, null: it is not behind. */
  #until: number | null = null

  constructor(figures: BusFigures) {
    this.#figures = figures
  }

  begin(): void {
    this.#figures.cuts += 1
    if (this.#until === null) this.#figures.peersOverflowed += 1
    this.#until = Number.POSITIVE_INFINITY
  }

  flushed(end: number): void {
    if (this.#until === Number.POSITIVE_INFINITY) this.#until = end
  }

  received(count: number): void {
    if (this.#until !== null && count >= this.#until) this.end()
  }

  end(): void {
    if (this.#until === null) return
    this.#until = null
    this.#figures.peersOverflowed -= 1
  }
}
