/** Ended in one turn of the event loop. */
const BATCH = 32

/** One timer for many things that all have the same time to finish: the oldest is always the first to be late. */
export class Deadlines<T> {
  readonly #since = new Map<T, number>()
  readonly #ms: number
  readonly #late: (item: T) => void
  readonly #timer: NodeJS.Timeout
  #more = false

  /** @param ms each item's time, kept to about a tenth */
  constructor(ms: number, late: (item: T) => void) {
    this.#ms = ms
    this.#late = late
    this.#timer = setInterval(() => this.#expire(), Math.max(5, Math.min(250, ms / 10))).unref()
  }

  add(item: T): void {
    this.#since.set(item, performance.now())
  }

  /** Whether it was still waiting. */
  delete(item: T): boolean {
    return this.#since.delete(item)
  }

  has(item: T): boolean {
    return this.#since.has(item)
  }

  get size(): number {
    return this.#since.size
  }

  /** Lets go of the oldest; null when none waits. */
  shift(): T | null {
    for (const item of this.#since.keys()) {
      this.#since.delete(item)
      return item
    }
    return null
  }

  /** Lets go of all that wait, oldest first. */
  take(): T[] {
    const items = [...this.#since.keys()]
    this.#since.clear()
    return items
  }

  /** Ends all that still wait, as if they were late. */
  close(): void {
    clearInterval(this.#timer)
    this.#expireBefore(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
  }

  #expire(): void {
    // Who came at once is late at once: others get their turn in between.
    if (this.#more || !this.#expireBefore(performance.now() - this.#ms, BATCH)) return
    this.#more = true
    setImmediate(() => {
      this.#more = false
      this.#expire()
    })
  }

  /** @returns whether there may be more */
  #expireBefore(time: number, most: number): boolean {
    let left = most
    for (const [item, since] of this.#since) {
      if (since > time) return false
      if (left-- === 0) return true
      this.#since.delete(item)
      this.#late(item)
    }
    return false
  }
}
