/** When what is due leaves: all frames of a turn in one go, and what time alone makes due. */
import type { ClientSession } from './session.ts'
import type { Cancel, Surroundings } from './surroundings.ts'

export class Turn {
  readonly #session: ClientSession
  readonly #where: Surroundings
  readonly #after: (now: number) => number
  #isQueued = false
  #timer: { readonly at: number; readonly cancel: Cancel } | null = null

  /** `after` does what else follows a flush, and says when the next is wanted at the latest. */
  constructor(session: ClientSession, where: Surroundings, after: (now: number) => number) {
    this.#session = session
    this.#where = where
    this.#after = after
  }

  wake(): void {
    if (this.#isQueued) return
    this.#isQueued = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#isQueued = false
    const now = this.#where.now()
    this.#session.flush(now)
    const at = Math.min(this.#after(now), this.#session.dueAt())
    if (this.#timer?.at === at) return
    this.#timer?.cancel()
    this.#timer = null
    if (at === Number.POSITIVE_INFINITY) return
    const due = (): void => {
      this.#timer = null
      this.#flush()
    }
    this.#timer = { at, cancel: this.#where.setTimer(due, Math.max(0, at - now)) }
  }
}
