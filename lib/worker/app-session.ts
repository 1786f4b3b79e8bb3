/** The application's view of one session (`Session` of api.ts): handlers, and the effects they may have. */
import { LimpetError, retryOf } from '../wire/codes.ts'
import type { SessionState } from './api.ts'
import type { HandlerTime } from './handler-time.ts'
import { frameOf, jsonObject } from './outgoing.ts'
import { isRoomName, type Rooms } from './room.ts'
import { type Broadcast, Target } from './room-target.ts'
import type { Question, Session } from './session.ts'
import type { Sessions } from './sessions.ts'

export type Handler = (...args: unknown[]) => unknown

export interface Listener {
  readonly handler: Handler
  readonly concurrent: boolean
}

const LIFECYCLE = new Set(['open', 'suspend', 'resume', 'close'])

/** What app sessions share. */
export interface AppContext {
  readonly sessions: Sessions
  readonly rooms: Rooms
  readonly broadcast: Broadcast
  readonly time: HandlerTime | null
}

export class AppSession {
  readonly #session: Session
  readonly #context: AppContext
  readonly #listeners = new Map<string, Listener[]>()
  /** Some are. */
  #concurrent = false
  /** While `server.on('session')` runs: the same wiring happens again in a process that recovers the session. */
  wiring = true

  constructor(session: Session, context: AppContext) {
    this.#session = session
    this.#context = context
  }

  get id(): string {
    return this.#session.id
  }

  get address(): string {
    return this.#session.address
  }

  get segment(): string {
    return this.#session.segment
  }

  get data(): Readonly<Record<string, unknown>> {
    return this.#session.data
  }

  get state(): SessionState {
    return this.#session.phase.kind
  }

  get rooms(): ReadonlySet<string> {
    const rooms = new Set<string>()
    for (const [room, { standing }] of this.#session.rooms ?? []) if (standing === 'member') rooms.add(room)
    return rooms
  }

  on(name: string, handler: Handler, options?: { concurrent?: boolean }): this {
    const listener = { handler, concurrent: options?.concurrent === true }
    this.#concurrent ||= listener.concurrent
    const listeners = this.#listeners.get(name)
    if (listeners) listeners.push(listener)
    else this.#listeners.set(name, [listener])
    return this
  }

  /** May this event run beside others of its session? Its first handler says so. */
  isConcurrent(name: string): boolean {
    return this.#concurrent && this.handlersOf(name, false)[0]?.concurrent === true
  }

  /** Lifecycle names belong to limpet: a client's event of that name finds nobody. */
  handlersOf(name: string, lifecycle: boolean): readonly Listener[] {
    return LIFECYCLE.has(name) === lifecycle ? (this.#listeners.get(name) ?? []) : []
  }

  update(patch: object): void {
    this.#mayAct()
    const { limits } = this.#context.sessions
    const own = jsonObject(patch, limits.payloadBytes)
    // The whole is bounded, not each patch alone.
    jsonObject({ ...this.#session.data, ...own }, limits.payloadBytes)
    this.#context.rooms.update(this.#session, own)
  }

  emit(name: string, ...args: unknown[]): void {
    this.#mayAct()
    const { sessions } = this.#context
    sessions.send(this.#session, frameOf('event', name, args, sessions.limits.payloadBytes))
  }

  get volatile(): { emit(name: string, ...args: unknown[]): void } {
    return {
      emit: (name, ...args) => {
        this.#mayAct()
        const { sessions } = this.#context
        sessions.sendVolatile(this.#session, frameOf('volatile', name, args, sessions.limits.payloadBytes))
      },
    }
  }

  emitWithAck(name: string, ...args: unknown[]): Promise<unknown> {
    return this.#ask(name, args, null)
  }

  timeout(ms: number): { emitWithAck(name: string, ...args: unknown[]): Promise<unknown> } {
    return { emitWithAck: (name, ...args) => this.#ask(name, args, ms) }
  }

  async #ask(name: string, args: unknown[], timeoutMs: number | null): Promise<unknown> {
    this.#mayAct()
    const { sessions } = this.#context
    const session = this.#session
    const frame = frameOf('question', name, args, sessions.limits.payloadBytes)
    const before = session.outbox.end
    sessions.send(session, frame)
    const number = session.outbox.end
    // The outbox was full: the session ends with this turn.
    if (number === before) throw new LimpetError('not_delivered')
    return new Promise((resolve, reject) => {
      const question: Question = {
        resolve,
        reject: (code, message) => reject(new LimpetError(code, message)),
      }
      session.questions ??= new Map()
      session.questions.set(number, question)
      sessions.regulate(session)
      if (timeoutMs === null) return
      const timer = setTimeout(() => {
        if (session.questions?.delete(number)) question.reject('timeout')
      }, timeoutMs)
      question.resolve = (value) => {
        clearTimeout(timer)
        resolve(value)
      }
      question.reject = (code, message) => {
        clearTimeout(timer)
        reject(new LimpetError(code, message))
      }
    })
  }

  /** Not async: a promise of its own would make the rejection of a join nobody awaits an unhandled one. */
  join(room: string, options: { presence?: boolean } = {}): Promise<void> {
    const presence = options?.presence ?? false
    try {
      this.#mayAct()
      if (typeof options !== 'object' || typeof presence !== 'boolean')
        throw new LimpetError('arguments_invalid', 'presence is true or false')
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#context.rooms.join(this.#session, room, presence)
  }

  async leave(room: string): Promise<void> {
    this.#mayAct()
    return this.#context.rooms.leave(this.#session, room)
  }

  to(room: string): Target {
    if (!isRoomName(room)) throw new LimpetError('room_invalid')
    return new Target((r, kind, name, args, except) => {
      this.#mayActAnywhere()
      this.#context.broadcast(r, kind, name, args, except)
    }, room)
  }

  close(code = 'closed_by_server', reason = ''): void {
    this.#mayActAnywhere()
    if (typeof code !== 'string' || typeof reason !== 'string')
      throw new LimpetError('arguments_invalid', 'code and reason are texts')
    // A code that says come back: the client goes on with a new session.
    const returns = retryOf(code) === 'now' || retryOf(code) === 'later'
    this.#context.sessions.end(this.#session, code, reason, returns ? 'gone' : 'close')
  }

  /** A room or the session's end can be reached from its `close` handler, too. */
  #mayActAnywhere(): void {
    if (this.wiring)
      throw new LimpetError(
        'not_ready',
        "effects belong into session.on('open', …), which runs once per session",
      )
    this.#context.time?.check()
  }

  #mayAct(): void {
    this.#mayActAnywhere()
    if (this.#session.closed) throw new LimpetError('session_closed')
  }
}
