/** What the session machine asks of its surroundings. It is whole at each call: inputs may be given from within. */
import type { AnswerResult, Data } from '../wire/frames.ts'
import type { PendingSend } from './conversation.ts'

export type StateName = 'connecting' | 'connected' | 'recovering' | 'suspended' | 'closed'

/** Given by whoever opens links; never used twice. */
export type LinkId = number

/** A message for the application. The same object comes back with its answer. */
export interface Delivery {
  /** Which session of this client it belongs to: a late answer must not enter the next one. */
  readonly ordinal: number
  /** Its count; 0 for volatile ones. */
  readonly number: number
  readonly name: string
  readonly args: unknown[]
  readonly wantsAnswer: boolean
}

export interface Discontinuity {
  readonly code: string
  /** How many messages of the lost session are known to be handled. */
  readonly handled: number
  /** The messages after those, with what is known of each. They are not sent again. */
  readonly pending: readonly PendingSend[]
}

export interface ClientEffects {
  /** Frames that leave in one go, in order. */
  send(link: LinkId, frames: readonly Data[]): void
  /** Whether a link takes more now; once it said no, `flush` must follow when it does again. */
  writable(link: LinkId): boolean
  /** The machine is done with this link; it expects nothing more of it, not even `linkClosed`. */
  closeLink(link: LinkId, code: string): void
  /** A hello that begins a session waits on this link for `authReady`. */
  needAuth(link: LinkId): void
  state(to: StateName, from: StateName): void
  deliver(message: Delivery): void
  /** The answer to the event of this number, or why there will be none. */
  settle(number: number, result: AnswerResult): void
  /** That session is lost; its messages 1 … handled were handled. */
  settledUpTo(ordinal: number, handled: number): void
  /** First welcome of a session. */
  connect(): void
  /** `replayed`: how many of this client's messages leave (again) after the gap. `missed`: how many are coming. */
  resume(info: { readonly replayed: number; readonly missed: number; readonly samePage: boolean }): void
  discontinuity(info: Discontinuity): void
  close(info: { readonly code: string; readonly reason: string }): void
  /** The server wants the next hello this many ms from now. */
  retryAfter(ms: number): void
  /** The server wants the next hello this many ms after it cuts the link. */
  drainAfter(ms: number): void
}
