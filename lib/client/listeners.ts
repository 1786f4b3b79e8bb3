/** Listeners by event name, called in the order they came. */
export type Listener = (...args: never[]) => unknown

interface Registration {
  readonly listener: Listener
  readonly once: boolean
}

export class Listeners {
  readonly #byName = new Map<string, Registration[]>()

  add(name: string, listener: Listener, once: boolean): void {
    // Copied on write: a dispatch under way is not disturbed.
    this.#byName.set(name, [...(this.#byName.get(name) ?? []), { listener, once }])
  }

  /** Without a listener: all of that name. */
  remove(name: string, listener?: Listener): void {
    const left = (this.#byName.get(name) ?? []).filter((entry) => listener && entry.listener !== listener)
    if (left.length > 0) this.#byName.set(name, left)
    else this.#byName.delete(name)
  }

  /** Those to call now; the ones for once are forgotten. */
  take(name: string): Listener[] {
    const entries = this.#byName.get(name) ?? []
    const left = entries.filter((entry) => !entry.once)
    if (left.length === 0) this.#byName.delete(name)
    else if (left.length < entries.length) this.#byName.set(name, left)
    return entries.map((entry) => entry.listener)
  }
}
