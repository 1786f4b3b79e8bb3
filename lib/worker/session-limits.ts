import type { SuspendedLimits } from './suspended.ts'
import type { HelloRates } from './turnstile.ts'

export interface SessionLimits extends HelloRates, SuspendedLimits {
  readonly graceMs: number
  readonly helloMs: number
  /** `server.use`; 0 sets no limit. */
  readonly useMs: number
  readonly payloadBytes: number
  readonly outboxBytes: number
  /** Taken from a client and not yet handled; past it the worker stops reading that link. */
  readonly takenBytes: number
  /** Of one session; 0 sets no limit. */
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
  readonly pingTimeoutMs: number
}
