/**
 * Messages whose process died while they may have been running, handled again. The one that the process died of is
 * found by its attempts: each is written before the handler begins. From the second on they run one at a time, so that
 * those which only happened to run beside it get past it.
 */
import type { Session } from './session.ts'
import type { Turn } from './turn.ts'

/** How often a message is begun again. */
export const ATTEMPTS_MAX = 3
/** How long the others wait for one that does not end. */
const ALONE_MS = 10_000

/** `number` of the message, 0 for `open`. */
interface Retry {
  readonly session: Session
  readonly number: number
  readonly begin: () => void
}

export class Retries {
  readonly #turn: Turn
  readonly #now: () => number
  #waiting: Retry[] = []
  /** The one that keeps the others waiting, and until when. */
  #alone: { readonly retry: Retry; readonly until: number } | null = null

  constructor(turn: Turn, now: () => number) {
    this.#turn = turn
    this.#now = now
  }

  get idle(): boolean {
    return this.#alone === null
  }

  /** Calls `begin` when it may. @returns false where it was tried often enough */
  again(session: Session, number: number, begin: () => void): boolean {
    const attempts = session.attempts?.get(number) ?? 0
    if (attempts >= ATTEMPTS_MAX) return false
    const retry = { session, number, begin }
    if (attempts === 0) this.#begin(retry)
    else {
      this.#waiting.push(retry)
      this.#next()
    }
    return true
  }

  /** It has ended; one that was never retried is none of these. */
  ended(session: Session, number: number): void {
    const retry = this.#alone?.retry
    if (retry?.session !== session || retry.number !== number) return
    this.#alone = null
    this.#next()
  }

  /** Behind the write, in a turn of its own: a batch must not end in the middle of another handler. */
  #begin({ session, number, begin }: Retry): void {
    this.#turn.record({ type: 'attempted', session: session.id, number })
    this.#turn.behind(begin)
  }

  #next(): void {
    while (!this.#alone) {
      const retry = this.#waiting.shift()
      if (!retry) return
      // Its session ended while it waited.
      if (retry.session.closed) continue
      this.#alone = { retry, until: this.#now() + ALONE_MS }
      this.#begin(retry)
    }
  }

  tick(now: number): void {
    if (!this.#alone || (now < this.#alone.until && !this.#alone.retry.session.closed)) return
    this.#alone = null
    this.#next()
  }
}
