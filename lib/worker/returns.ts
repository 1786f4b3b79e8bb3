/** When the clients of a process that ends come back: one after another, no faster than they are taken. Pure. */

/** How long after the cut the first client comes back: by then the next process has mostly taken over. */
const DRAIN_MS = 100
const DRAIN_MS_MAX = 10_000
/** At most; never more than hellos are taken. */
const RETURNS_PER_MS = 1

export class Returns {
  readonly #perMs: number
  #given = 0

  /** @param hellosPerSecond 0 sets no limit */
  constructor(hellosPerSecond: number) {
    this.#perMs = hellosPerSecond > 0 ? Math.min(RETURNS_PER_MS, hellosPerSecond / 1000) : RETURNS_PER_MS
  }

  /** @returns ms from now, for the next of them */
  next(): number {
    const after = DRAIN_MS + Math.floor(this.#given / this.#perMs)
    this.#given += 1
    return Math.min(DRAIN_MS_MAX, after)
  }
}
