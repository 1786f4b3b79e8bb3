/** Who is writing, by notices that may get lost: each counts for a while. Pure, the time is handed in. */

/** Longer than two notices are apart. */
const LASTS_MS = 5000
/** How often one writes of oneself. */
const EVERY_MS = 2000

export class Typing {
  readonly #until = new Map<string, { readonly name: string; readonly at: number }>()
  #toldAt = Number.NEGATIVE_INFINITY

  heard(id: string, name: string, now: number): void {
    this.#until.set(id, { name, at: now + LASTS_MS })
  }

  /** Spoke, or left. */
  stopped(id: string): void {
    this.#until.delete(id)
  }

  clear(): void {
    this.#until.clear()
    this.#toldAt = Number.NEGATIVE_INFINITY
  }

  names(now: number): string[] {
    for (const [id, { at }] of this.#until) if (at <= now) this.#until.delete(id)
    return [...this.#until.values()].map(({ name }) => name)
  }

  /** @returns whether a keystroke of now is to be told */
  tells(now: number): boolean {
    if (now - this.#toldAt < EVERY_MS) return false
    this.#toldAt = now
    return true
  }

  /** What is written next is told at once. */
  sent(): void {
    this.#toldAt = Number.NEGATIVE_INFINITY
  }
}
