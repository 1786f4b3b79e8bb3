/**
 * So many a second are let in; the others are told when to come again, each at a moment of its own, in the order in which
 * they asked. Who comes at its moment is let in, whoever else is there by then. Pure.
 */

/** Who was given a moment and is not there so long after it has lost it. */
const LATE_MS = 30_000

export class Slots {
  readonly #everyMs: number
  readonly #burstMs: number
  readonly #now: () => number
  readonly #behind: Slots | null
  /** The next moment that nobody has. */
  #free = Number.NEGATIVE_INFINITY
  /** Moments given, by name; the earliest first. */
  readonly #given = new Map<string, number>()

  /**
   * @param burstMs what so long a time comes to is let in at once
   * @param behind those who get what these leave
   */
  constructor(perSecond: number, burstMs: number, now: () => number, behind: Slots | null = null) {
    this.#everyMs = 1000 / perSecond
    this.#burstMs = burstMs
    this.#now = now
    this.#behind = behind
  }

  /** Nobody has a moment that is still to come, and all may be let in at once. */
  get idle(): boolean {
    this.#forget()
    return this.#given.size === 0 && this.#free <= this.#now() - this.#burstMs
  }

  /**
   * @param longestMs nobody is sent away for longer: who had to be is given no moment, and asks again then
   * @returns ms until the moment of this one; 0: it is let in
   */
  ask(name: string, longestMs: number): number {
    this.#forget()
    const now = this.#now()
    const given = this.#given.get(name)
    if (given !== undefined && given > now) return given - now
    if (given !== undefined) {
      this.#given.delete(name)
      return 0
    }
    const at = Math.max(this.#free, now - this.#burstMs)
    if (at - now > longestMs) return longestMs
    this.#free = at + this.#everyMs
    if (this.#behind) this.#behind.#pass()
    if (at <= now) return 0
    this.#given.set(name, at)
    return at - now
  }

  /** One moment is somebody else's. */
  #pass(): void {
    this.#free = Math.max(this.#free, this.#now() - this.#burstMs) + this.#everyMs
  }

  #forget(): void {
    const gone = this.#now() - LATE_MS
    for (const [name, at] of this.#given) {
      if (at > gone) return
      this.#given.delete(name)
    }
  }
}
