/**
 * What polling may have skipped. A skipped GET shows by the gap that the next frame makes; where none comes by itself,
 * the count is said again until the client has received everything.
 */
import { Deadlines } from './deadlines.ts'
import type { Session } from './session.ts'

/** A client on polling that has not said `received` by now may have missed the last frames, or had no reason to yet. */
const RECEIPT_MS = 2500

export class Receipts {
  readonly #say: (session: Session) => void
  readonly #now: () => number
  readonly #waiting = new Deadlines<Session>()

  /** @param say tells a client a count that it may know already */
  constructor(say: (session: Session) => void, now: () => number) {
    this.#say = say
    this.#now = now
  }

  get idle(): boolean {
    return this.#waiting.empty
  }

  expect(session: Session): void {
    if (session.receiptQueued) return
    session.receiptQueued = true
    this.#waiting.set(session, this.#now() + RECEIPT_MS)
  }

  tick(now: number): void {
    this.#waiting.expire(now, (session) => {
      session.receiptQueued = false
      const { closed, link, outbox, cursor } = session
      if (!closed && link?.transport === 'polling' && outbox.base < cursor) this.#say(session)
    })
  }
}
