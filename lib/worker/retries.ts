/**
 * Messages whose process died while they may have been running, handled again. The one that the process died of is
 * found by its attempts: each is written before the handler begins. From the second on they run one at a time, so that
 * those which only happened to run beside it get past it.
 */
import type { AnswerResult } from '../wire/frames.ts'
import type { Session } from './session.ts'
import type { Turn } from './turn.ts'

/** How often a message is begun again. */
export const ATTEMPTS_MAX = 3
/** How long the others wait for one that does not end. */
const ALONE_MS = 10_000

type Run = () => AnswerResult | Promise<AnswerResult>

export class Retries {
  readonly #turn: Turn
  readonly #now: () => number
  readonly #waiting: (() => void)[] = []
  /** Until when the one that runs alone keeps the others waiting; 0: none does. */
  #until = 0

  constructor(turn: Turn, now: () => number) {
    this.#turn = turn
    this.#now = now
  }

  get idle(): boolean {
    return this.#until === 0
  }

  /** @param number of the message, 0 for `open`. @returns null where it was tried often enough */
  again(session: Session, number: number, run: Run): Promise<AnswerResult> | null {
    const attempts = session.attempts?.get(number) ?? 0
    if (attempts >= ATTEMPTS_MAX) return null
    if (attempts === 0) return this.#begin(session, number, run)
    const turnCome = new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#next()
    return turnCome
      .then(() => this.#begin(session, number, run))
      .finally(() => {
        this.#until = 0
        this.#next()
      })
  }

  /** The handler runs behind the write, in a turn of its own: a batch must not end in the middle of another handler. */
  #begin(session: Session, number: number, run: Run): Promise<AnswerResult> {
    this.#turn.record({ type: 'attempted', session: session.id, number })
    return new Promise<void>((resolve) => this.#turn.afterwards(resolve)).then(run)
  }

  #next(): void {
    if (this.#until > 0) return
    const next = this.#waiting.shift()
    if (!next) return
    this.#until = this.#now() + ALONE_MS
    next()
  }

  tick(now: number): void {
    if (this.#until === 0 || now < this.#until) return
    this.#until = 0
    this.#next()
  }
}
