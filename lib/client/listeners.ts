/** The application's listeners by event name, called in the order they came. One that fails disturbs nobody. */
export type Listener = (...args: never[]) => unknown

export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown }

interface Registration {
  readonly listener: Listener
  readonly once: boolean
}

export class Listeners {
  readonly #byName = new Map<string, readonly Registration[]>()
  readonly #report: (error: unknown) => void

  /** @param report where the failures of listeners go */
  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

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

  /** Calls all of them; nobody looks at what they return. */
  tell(name: string, args: unknown[]): void {
    for (const result of this.#call(name, args)) this.#ignore(result)
  }

  /** Calls all of them. @returns what the first one made of it; whose failure is the caller's */
  ask(name: string, args: unknown[]): Outcome | undefined {
    const [first, ...rest] = this.#call(name, args)
    for (const result of rest) this.#ignore(result)
    return first
  }

  #call(name: string, args: unknown[]): Outcome[] {
    const entries = this.#byName.get(name) ?? []
    for (const { listener, once } of entries) if (once) this.remove(name, listener)
    return entries.map(({ listener }) => {
      try {
        return { ok: true, value: listener(...(args as never[])) }
      } catch (error) {
        return { ok: false, error }
      }
    })
  }

  /** A failure is told: an unhandled rejection would end a Node process. */
  #ignore(result: Outcome): void {
    if (!result.ok) this.#report(result.error)
    else if (result.value instanceof Promise) result.value.catch(this.#report)
  }
}
