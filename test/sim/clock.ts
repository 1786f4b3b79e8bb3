/** Simulated time, in ms. Timers run in the order they are due, when the world lets time pass. */
interface Timer {
  readonly at: number
  readonly act: () => void
}

export class Clock {
  now = 1_000_000
  readonly #timers = new Set<Timer>()

  /** @returns what cancels it */
  set(act: () => void, ms: number): () => void {
    const timer = { at: this.now + ms, act }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  pass(ms: number): void {
    const until = this.now + ms
    for (let next = this.#due(until); next; next = this.#due(until)) {
      this.#timers.delete(next)
      this.now = next.at
      next.act()
    }
    this.now = until
  }

  #due(until: number): Timer | null {
    let first: Timer | null = null
    for (const timer of this.#timers)
      if (timer.at <= until && (first === null || timer.at < first.at)) first = timer
    return first
  }
}
