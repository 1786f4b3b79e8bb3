/**
 * What an application sees: its default export is called with a `Server` in each worker, before any input.
 *
 * ```ts
 * export default (server: Server<ToServer, ToClient>) => {
 *   server.use(async (hello) => ({ name: await check(hello.auth) }))
 *   server.on('session', (session) => {
 *     session.on('open', () => void session.join('lobby'))
 *     session.on('say', (text, message) => server.to('lobby').emit('said', session.data.name, text))
 *   })
 * }
 * ```
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type {
  AnyEvents,
  EventArgs,
  EventName,
  EventResult,
  Events,
  HandlerResult,
  Member,
} from '../wire/events.ts'

/** JSON object kept with the session. Read-only: change it with `session.update`. */
export type SessionData = Record<string, unknown>

/** What `server.use` sees of a client, once per session. */
export interface HelloInfo {
  /** What the client gave as `auth`: untrusted. */
  readonly auth: unknown
  readonly address: string
  readonly headers: IncomingHttpHeaders
  readonly segment: string
}

/** Always the last argument of a handler. */
export interface MessageInfo {
  /** Session id and number, the same when the message is handled again after a crash. */
  readonly id: string
  /** The message may have run before: its process died. */
  readonly redelivered: boolean
}

export type SessionState = 'connected' | 'suspended' | 'closed'

/** `closed` carries the code and reason of lib/wire/codes.ts (or the application's own). */
export interface SessionLifecycle {
  /** Once per session, before its first message. Effects belong here, not into `server.on('session')`. */
  open: () => unknown
  /** The link is lost; the session waits. */
  suspend: () => unknown
  /** The client is back. */
  resume: () => unknown
  close: (end: { code: string; reason: string }) => unknown
}

/** What can be told to a room. */
export interface RoomTarget<ToClient extends Events = AnyEvents> {
  /** Leaves one more session out, by id. */
  except(...sessionIds: string[]): RoomTarget<ToClient>
  /** To be dropped rather than queued for members who cannot take it now. */
  readonly volatile: RoomTarget<ToClient>
  /**
   * Goes to all members of the room, in the one order of the room, the publisher among them if it is a member.
   * Throws LimpetError: `room_invalid`, `room_unavailable`, `payload_too_large`, `arguments_invalid`, `name_invalid`.
   */
  emit<N extends EventName<ToClient>>(name: N, ...args: EventArgs<ToClient, N>): void
}

export interface HistoryEntry {
  /** Its place in the room's order. */
  readonly number: number
  readonly name: string
  readonly args: unknown[]
}

export interface HistoryPage {
  /** Oldest first. */
  readonly entries: HistoryEntry[]
  /**
   * Random name of what the home remembers of the room; null: nothing. Another one than before: the history was lost,
   * and the numbers began again.
   */
  readonly epoch: string | null
  /**
   * What came before these entries. `more`: ask with the first one's number as `before`. `none`: nothing, the room
   * begins here. `forgotten`: it was too old, or too much, to be kept.
   */
  readonly earlier: 'more' | 'none' | 'forgotten'
}

export interface HistoryOptions {
  /** 1 to 100, default 50. */
  limit?: number
  /** Messages before this number only; default: the newest. */
  before?: number
}

/** Questions answered by the room's home. All reject with `room_invalid` or `room_unavailable`. */
export interface Room<Data extends object = SessionData> {
  count(): Promise<number>
  /** With the fields of `server.publicData`. Rejects with `payload_too_large` where there are more than 10,000. */
  members(): Promise<Member<Partial<Data>>[]>
  /** One page of the room's last messages. Rejects with `arguments_invalid`. */
  history(options?: HistoryOptions): Promise<HistoryPage>
}

/** Without declared events a handler takes whatever comes. */
export type HandlerOf<E extends Events, N extends keyof E> = string extends keyof E
  ? { loose(...args: unknown[]): unknown }['loose']
  : (...args: [...EventArgs<E, N>, MessageInfo]) => HandlerResult<EventResult<E, N>>

export interface Session<
  ToServer extends Events = AnyEvents,
  ToClient extends Events = AnyEvents,
  Data extends object = SessionData,
> {
  readonly id: string
  readonly state: SessionState
  readonly address: string
  readonly segment: string
  readonly data: Readonly<Data>
  readonly rooms: ReadonlySet<string>
  /**
   * Merges shallowly into `data`; the patch must be JSON. Where that changes public fields the session's rooms learn of
   * it. Throws LimpetError, and then changes nothing: `session_closed`, `arguments_invalid`, `payload_too_large`,
   * `room_unavailable`.
   */
  update(patch: Partial<Data>): void

  on<N extends keyof SessionLifecycle>(name: N, handler: SessionLifecycle[N]): this
  /**
   * Handlers of one session run one after another, unless `concurrent`. What a handler returns (or resolves to)
   * answers `emitWithAck`; what it throws rejects it. One that does not end within `--handler-ms` is answered `timeout`,
   * and its effects from then on throw that, too.
   */
  on<N extends EventName<ToServer>>(
    name: N,
    handler: HandlerOf<ToServer, N>,
    options?: { concurrent?: boolean },
  ): this

  /** Throws LimpetError: `session_closed`, `payload_too_large`, `arguments_invalid`, `name_invalid`. */
  emit<N extends EventName<ToClient>>(name: N, ...args: EventArgs<ToClient, N>): void
  emitWithAck<N extends EventName<ToClient>>(
    name: N,
    ...args: EventArgs<ToClient, N>
  ): Promise<EventResult<ToClient, N>>
  /** `timeout(ms).emitWithAck(…)` rejects with `timeout` after `ms` milliseconds. */
  timeout(ms: number): Pick<Session<ToServer, ToClient, Data>, 'emitWithAck'>
  /** `volatile.emit(…)` is dropped rather than queued when the client cannot take it now. */
  readonly volatile: Pick<Session<ToServer, ToClient, Data>, 'emit'>

  /**
   * Resolves when the room's home has taken the join: every later message of the room arrives. With `presence` so do the
   * events of PresenceEvents; joining again with another value changes that alone.
   * Rejects with LimpetError: `room_invalid`, `room_unavailable`, `room_limit`, `join_cancelled`, `arguments_invalid`,
   * `payload_too_large` (public data), `session_closed`.
   */
  join(room: string, options?: { presence?: boolean }): Promise<void>
  leave(room: string): Promise<void>
  to(room: string): RoomTarget<ToClient>
  /** Ends the session. `code` may be the application's own; default `closed_by_server`. */
  close(code?: string, reason?: string): void
}

export interface Server<
  ToServer extends Events = AnyEvents,
  ToClient extends Events = AnyEvents,
  Data extends object = SessionData,
> {
  /** Runs once per session at its first hello; throwing `LimpetError(code, message)` refuses the client. */
  use(admit: (hello: HelloInfo) => Data | Promise<Data> | void | Promise<void>): this
  on(name: 'session', wire: (session: Session<ToServer, ToClient, Data>) => void): this
  /**
   * Names the fields of `session.data` that the members of a room see of each other: in `members()`, and in the events of
   * those that join with `presence`. Without it there are none. Once, while the application is loaded.
   */
  publicData(...fields: (keyof Data & string)[]): this
  to(room: string): RoomTarget<ToClient>
  room(name: string): Room<Data>
  /** The engine.io server of raw connections (those without `limpet=1`); emits `connection`. */
  readonly engine: RawEngine
  /** Pages of the application: every path that is not limpet's own. Return false to answer 404. */
  http(handler: (req: IncomingMessage, res: ServerResponse) => unknown): this
  readonly log: Logger
}

/** The part of engine.io's Server that applications use; Socket.IO's `io.bind` takes it. */
export interface RawEngine {
  on(name: 'connection', handler: (socket: RawSocket) => void): unknown
  /** engine.io's own: `pingInterval`, `maxHttpBufferSize`, `cors` … To be changed while the application is loaded. */
  readonly opts: object
  /** Raw connections that are open here. */
  readonly clientsCount: number
}

export interface RawSocket {
  readonly id: string
  send(data: string | Uint8Array): unknown
  close(discard?: boolean): unknown
  on(name: 'message' | 'close', handler: (...args: never[]) => void): unknown
}

/** The default export of an application module. */
export type App<
  ToServer extends Events = AnyEvents,
  ToClient extends Events = AnyEvents,
  Data extends object = SessionData,
> = (server: Server<ToServer, ToClient, Data>) => void | Promise<void>
