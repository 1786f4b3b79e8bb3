/** Connections for a slot whose worker is on its way back: held for a while, then given to it, or refused. */
import { Deadlines } from './deadlines.ts'
import type { Arrival } from './handover.ts'

export class Parking {
  readonly #limit: number
  readonly #waiting: Deadlines<Arrival>
  /** It is known that the slot comes back. */
  open = false

  /**
   * @param ms how long one may wait
   * @param limit how many may
   */
  constructor(ms: number, limit: number, refuse: (arrival: Arrival) => void) {
    this.#limit = ms > 0 ? limit : 0
    this.#waiting = new Deadlines(ms, refuse)
  }

  get size(): number {
    return this.#waiting.size
  }

  /** False: it stays the caller's. */
  push(arrival: Arrival): boolean {
    if (!this.open || this.#waiting.size >= this.#limit) return false
    this.#waiting.add(arrival)
    return true
  }

  /** All that wait, in the order in which they came. */
  take(): Arrival[] {
    return this.#waiting.take()
  }

  /** Refuses all that wait, and all that come. */
  close(): void {
    this.open = false
    this.#waiting.close()
  }
}
