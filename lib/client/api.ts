/** What an application sees of a client. */
import type { AnyEvents, EventArgs, EventName, EventResult, Events, HandlerResult } from '../wire/events.ts'
import type { Discontinuity, StateName } from './effects.ts'
import type { Progress } from './progress.ts'

/** The client's own events: reserved names. */
export interface ClientLifecycle {
  state: (state: StateName) => void
  /** First welcome of a session: once, and again for the session after a discontinuity. */
  connect: () => void
  /** The link is lost; what is emitted waits. `resume`, `discontinuity` or `close` follows. */
  suspend: () => void
  /**
   * The same session goes on. `replayed`: how many of our messages leave (again) after the gap. `missed`: how many of the
   * server's are coming, events and answers. `samePage`: false where another page began it, before a reload.
   */
  resume: (info: { readonly replayed: number; readonly missed: number; readonly samePage: boolean }) => void
  /** Much is on its way: 256 KiB of ours, or what `resume` told as missed. The last one says all of it. */
  progress: (progress: Progress) => void
  /** The session is lost and a new one begins; what was pending is not sent again. */
  discontinuity: (info: Discontinuity) => void
  /** For good. */
  close: (info: { readonly code: string; readonly reason: string }) => void
}

export interface Client<ToServer extends Events = AnyEvents, ToClient extends Events = AnyEvents> {
  /** The session's id; null until welcome, but for one that an earlier page began. */
  readonly id: string | null
  readonly state: StateName
  /**
   * Milliseconds until the next attempt to connect, for "reconnecting in 3 s": ask again, there is no event. Null when none
   * waits: connected, closed, suspended, or an attempt is under way.
   */
  readonly retryInMs: number | null
  /**
   * Goes out in order, now or on resume.
   * Throws LimpetError: `outbox_full`, `payload_too_large`, `arguments_invalid`, `name_invalid`, `session_closed`.
   */
  emit<N extends EventName<ToServer>>(name: N, ...args: EventArgs<ToServer, N>): void
  /**
   * Settles always. Rejects with LimpetError: the handler's own, `handler_failed`, `no_handler`, after the session is
   * lost `not_delivered` or `unknown`, and whatever `emit` throws.
   */
  emitWithAck<N extends EventName<ToServer>>(
    name: N,
    ...args: EventArgs<ToServer, N>
  ): Promise<EventResult<ToServer, N>>
  /** `timeout(ms).emitWithAck(…)` also rejects with `timeout`; the message is not taken back. */
  timeout(ms: number): Pick<Client<ToServer, ToClient>, 'emitWithAck'>
  /** `volatile.emit(…)` is dropped rather than queued where it cannot leave now. */
  readonly volatile: Pick<Client<ToServer, ToClient>, 'emit'>
  /** Resolves once nothing emitted before is pending: true if all of it was handled, false if some was lost. */
  settled(): Promise<boolean>
  on<N extends keyof ClientLifecycle>(name: N, listener: ClientLifecycle[N]): this
  /** What the first listener returns, or resolves to, answers the server's `emitWithAck`. */
  on<N extends EventName<ToClient>>(name: N, listener: ClientListener<ToClient, N>): this
  once<N extends keyof ClientLifecycle>(name: N, listener: ClientLifecycle[N]): this
  once<N extends EventName<ToClient>>(name: N, listener: ClientListener<ToClient, N>): this
  off<N extends keyof ClientLifecycle>(name: N, listener?: ClientLifecycle[N]): this
  off<N extends EventName<ToClient>>(name: N, listener?: ClientListener<ToClient, N>): this
  /** Cuts the connection as a lost network would: to see a resume. */
  cutLink(): void
  /** Ends the session, behind what was emitted. What is not handled then settles `unknown` or `not_delivered`. */
  close(): void
}

export type ClientListener<E extends Events, N extends keyof E> = (
  ...args: EventArgs<E, N>
) => HandlerResult<EventResult<E, N>>
