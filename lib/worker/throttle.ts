/**
 * How fast one client may send. What comes faster is not refused: it waits unread in the client's kernel, and then in
 * its outbox. Only where reading cannot stop does the link end, and the client replays. Pure.
 */
import { Deadlines } from './deadlines.ts'
import type { Session } from './session.ts'
import type { SessionLimits } from './session-limits.ts'

/** So much of its rate a session may use at once. */
const BURST_MS = 1000

export class Throttle {
  readonly #messageMs: number
  readonly #byteMs: number
  /** No session is left unread for longer: the answers to pings stand in the same stream. */
  readonly #longestMs: number
  readonly #now: () => number
  readonly #goOn: (session: Session) => void
  readonly #waiting = new Deadlines<Session>()

  /** @param goOn the session may be read again */
  constructor(limits: SessionLimits, now: () => number, goOn: (session: Session) => void) {
    const { messagesPerSecond, bytesPerSecond, pingTimeoutMs } = limits
    this.#messageMs = messagesPerSecond > 0 ? 1000 / messagesPerSecond : 0
    this.#byteMs = bytesPerSecond > 0 ? 1000 / bytesPerSecond : 0
    this.#longestMs = Math.max(BURST_MS, pingTimeoutMs / 2)
    this.#now = now
    this.#goOn = goOn
  }

  get idle(): boolean {
    return this.#waiting.empty
  }

  get on(): boolean {
    return this.#messageMs + this.#byteMs > 0
  }

  /** Of one frame. @returns false where the session is as far ahead of its rate as it can be */
  take(session: Session, size: number): boolean {
    const now = this.#now()
    const last = now + this.#longestMs
    const free = session.paidUntil < last
    const cost = Math.max(this.#messageMs, size * this.#byteMs)
    session.paidUntil = Math.min(Math.max(session.paidUntil, now) + cost, last)
    return free
  }

  /** Whether the next frame may be read; where not, `goOn` is called in time. */
  allows(session: Session): boolean {
    if (!this.on) return true
    const ahead = session.paidUntil - this.#now()
    if (ahead <= (session.reading ? BURST_MS : BURST_MS / 2)) return true
    this.#wait(session)
    return false
  }

  #wait(session: Session): void {
    if (session.slowed) return
    session.slowed = true
    this.#waiting.set(session, session.paidUntil - BURST_MS / 2)
  }

  tick(now: number): void {
    this.#waiting.expire(now, (session) => {
      session.slowed = false
      if (!session.closed) this.#goOn(session)
    })
  }
}
