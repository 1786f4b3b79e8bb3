/** When to try again. Pure: clock and randomness (0 ≤ x < 1) are handed in. */
import type { Retry } from '../wire/codes.ts'

/** Nobody is sent away for longer, whatever a server says or a timer could not hold. */
const ORDER_MAX_MS = 3_600_000

/** The next hello: exponential with full jitter, so that a crowd spreads itself, unless the server gave a slot. */
export class Backoff {
  readonly #delayMs: number
  readonly #delayMaxMs: number
  #failures = 0
  #orderedMs: number | null = null

  constructor(delayMs: number, delayMaxMs: number) {
    this.#delayMs = delayMs
    this.#delayMaxMs = delayMaxMs
  }

  /** `retry` and `drain`: the server spreads its clients itself. Used once. */
  order(ms: number): void {
    this.#orderedMs = Math.min(ms, ORDER_MAX_MS)
  }

  get ordered(): boolean {
    return this.#orderedMs !== null
  }

  /** Only a welcome proves that a server serves. */
  welcomed(): void {
    this.#failures = 0
  }

  /** Milliseconds until the next try. `later` waits for at least the first delay. */
  next(policy: Exclude<Retry, 'never' | 'none'>, random: number): number {
    const ordered = this.#orderedMs
    this.#orderedMs = null
    if (ordered !== null) return ordered
    const ceiling = Math.min(this.#delayMaxMs, this.#delayMs * 2 ** this.#failures)
    this.#failures += 1
    const jittered = random * ceiling
    return policy === 'later' ? Math.min(this.#delayMaxMs, this.#delayMs + jittered) : jittered
  }
}

const FIRST_MS = 1000
const LAST_MS = 3_600_000
const SHORT_LIFE_MS = 60_000

/**
 * When to leave polling for a WebSocket. Where WebSockets do not open, or die soon, the waits double up to an hour:
 * each try costs a session a move.
 */
export class WebSocketPatience {
  #waitMs = FIRST_MS
  #movedAt: number | null = null
  /** No WebSocket is tried before this time. */
  notBefore = 0

  /** Polling carries the session: the next try is due in a while. */
  polling(now: number, random: number): void {
    if (this.notBefore <= now) this.notBefore = now + this.#jittered(random)
  }

  /** A WebSocket did not get as far as welcome where polling did. */
  failed(now: number, random: number): void {
    this.#movedAt = null
    this.notBefore = now + this.#jittered(random)
    this.#waitMs = Math.min(LAST_MS, this.#waitMs * 2)
  }

  moved(now: number): void {
    this.#movedAt = now
  }

  /** The WebSocket that carried the session is lost. */
  lost(now: number, random: number): void {
    if (this.#movedAt === null) return
    if (now - this.#movedAt < SHORT_LIFE_MS) {
      this.failed(now, random)
      return
    }
    this.#movedAt = null
    this.#waitMs = FIRST_MS
  }

  /** Full jitter could mean at once; half keeps the pace of the doubling. */
  #jittered(random: number): number {
    return this.#waitMs * (0.5 + random / 2)
  }
}
