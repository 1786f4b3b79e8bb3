/**
 * One wheel for all sessions instead of a timer each. Entries are never taken out: whoever is called looks whether
 * the deadline still stands. Pure: the time is handed in.
 */
const SPOKE_MS = 50

export class Deadlines<T> {
  readonly #spokes = new Map<number, T[]>()
  #last = 0

  get empty(): boolean {
    return this.#spokes.size === 0
  }

  /** @param at ms; called back at most 50 ms later */
  set(item: T, at: number): void {
    const spoke = Math.max(Math.ceil(at / SPOKE_MS), this.#last + 1)
    const items = this.#spokes.get(spoke)
    if (items) items.push(item)
    else this.#spokes.set(spoke, [item])
  }

  expire(now: number, call: (item: T) => void): void {
    const spoke = Math.floor(now / SPOKE_MS)
    if (spoke <= this.#last) return
    // After a long sleep (a stopped process, a jump of the clock) look at what is held, not at every spoke passed.
    const due =
      spoke - this.#last > this.#spokes.size
        ? [...this.#spokes.keys()].filter((s) => s <= spoke).sort((a, b) => a - b)
        : Array.from({ length: spoke - this.#last }, (_, i) => this.#last + 1 + i)
    this.#last = spoke
    for (const s of due) {
      const items = this.#spokes.get(s)
      if (!items) continue
      this.#spokes.delete(s)
      for (const item of items) call(item)
    }
  }
}
