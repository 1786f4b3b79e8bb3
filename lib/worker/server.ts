/**
 * The `Server` an application gets. Whatever `server.use` or a listener of 'session' does ends in a value: a throw or a
 * rejection never leaves this file.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Bus } from '../bus/bus.ts'
import {
  decodeQuestion,
  decodeReply,
  encodeQuestion,
  encodeReply,
  type Reply,
  type Question as RoomQuestion,
} from '../bus/questions.ts'
import { type Code, LimpetError } from '../wire/codes.ts'
import type { HelloInfo, RawEngine, Room } from './api.ts'
import { type AppContext, AppSession } from './app-session.ts'
import { Doorman } from './doorman.ts'
import { HandlerTime } from './handler-time.ts'
import { pageOf, rangeOf } from './history-page.ts'
import { answerAtHome } from './home.ts'
import { frameOf } from './outgoing.ts'
import { isRoomName, type Rooms } from './room.ts'
import { Target } from './room-target.ts'
import { isThenable, Runner } from './runner.ts'
import type { Session } from './session.ts'
import type { AppPorts, Sessions } from './sessions.ts'
import { reportVitals } from './vitals.ts'

/** What an operator wants to see at the usual level: somebody broke the protocol, or messages were given up. */
const LOUD = new Set<string>([
  'protocol_error',
  'version_unsupported',
  'payload_too_large',
  'count_mismatch',
  'outbox_overflow',
  'room_lost',
  'evicted',
  'busy',
] satisfies Code[])

export type PageHandler = (req: IncomingMessage, res: ServerResponse) => unknown

export interface ServerPorts {
  readonly sessions: Sessions
  readonly rooms: Rooms
  readonly bus: Pick<Bus, 'ask'>
  readonly homeOf: (room: string) => number
}

export class AppServer {
  readonly engine: RawEngine
  readonly log: Logger
  readonly #payloadBytes: number
  readonly #time: HandlerTime | null
  readonly #runner: Runner
  #ports: ServerPorts | null = null
  #context: AppContext | null = null
  readonly #doorman: Doorman
  readonly #wire: ((session: AppSession) => unknown)[] = []
  #publicFields: readonly string[] = []
  pages: PageHandler | null = null
  ready = false

  /** @param handlerMs how long a handler may take; 0: as long as it likes */
  constructor(engine: RawEngine, log: Logger, payloadBytes: number, handlerMs = 0) {
    this.engine = engine
    this.log = log
    this.#payloadBytes = payloadBytes
    this.#doorman = new Doorman(log, payloadBytes)
    this.#time = handlerMs > 0 ? new HandlerTime(handlerMs) : null
    this.#runner = new Runner(log, this.#time)
  }

  /** What the sessions need of an application, and of this process. */
  appPorts(ids: Pick<AppPorts, 'hashKey' | 'newId'>): AppPorts {
    return {
      ...ids,
      refused: (link, code, reason) => {
        this.log[LOUD.has(code) ? 'info' : 'debug'](
          { code, reason, address: link.address },
          'a link was refused',
        )
      },
      ended: (session, code) => {
        this.log[LOUD.has(code) ? 'info' : 'debug']({ session: session.id, code }, 'a session ended')
      },
      admit: (hello) => this.#doorman.admit(hello),
      wire: (session) => this.#wireSession(session),
      run: (session, task) => this.#runner.run(session, task),
      poisoned: (session, event) =>
        this.log.error(
          { session: session.id, event: event.slice(0, 64) },
          'a message is skipped: the process died each time it was handled',
        ),
      isConcurrent: (session, event) => (session.handle as AppSession).isConcurrent(event),
    }
  }

  bind(ports: ServerPorts): void {
    this.#ports = ports
    ports.rooms.publicFields = this.#publicFields
    const broadcast = this.#broadcast.bind(this)
    this.#context = { sessions: ports.sessions, rooms: ports.rooms, broadcast, time: this.#time }
    reportVitals(ports.sessions.state, () => this.engine.clientsCount)
  }

  // — the application's side —

  use(admit: (hello: HelloInfo) => unknown): this {
    this.#doorman.use = admit
    return this
  }

  on(_name: 'session', wire: (session: AppSession) => unknown): this {
    this.#wire.push(wire)
    return this
  }

  http(handler: PageHandler): this {
    this.pages = handler
    return this
  }

  to(room: string): Target {
    if (!isRoomName(room)) throw new LimpetError('room_invalid')
    return new Target(this.#broadcast.bind(this), room)
  }

  publicData(...fields: string[]): this {
    if (!fields.every((field) => typeof field === 'string'))
      throw new LimpetError('arguments_invalid', 'publicData takes names of fields')
    if (this.ready)
      throw new LimpetError('arguments_invalid', 'publicData belongs to where the application is loaded')
    this.#publicFields = fields
    if (this.#ports) this.#ports.rooms.publicFields = fields
    return this
  }

  room(name: string): Room {
    return {
      count: async () => {
        const reply = await this.#ask({ kind: 'count', room: name })
        return reply.kind === 'count' ? reply.count : 0
      },
      members: async () => {
        const reply = await this.#ask({ kind: 'members', room: name })
        return reply.kind === 'members' ? [...reply.members] : []
      },
      history: async (options) =>
        pageOf(await this.#ask({ kind: 'history', room: name, ...rangeOf(options) })),
    }
  }

  #broadcast(
    room: string,
    kind: 'event' | 'volatile' | 'question',
    name: string,
    args: unknown[],
    except: readonly string[],
  ): void {
    if (!this.ready) throw new LimpetError('not_ready', 'the worker is not ready: nothing can be sent before')
    this.#time?.check()
    this.#bound.rooms.publish(
      room,
      frameOf(kind, name, args, this.#payloadBytes),
      except,
      kind === 'volatile',
    )
  }

  get #bound(): ServerPorts {
    if (!this.#ports) throw new LimpetError('not_ready')
    return this.#ports
  }

  async #ask(question: RoomQuestion): Promise<Reply> {
    if (!isRoomName(question.room)) throw new LimpetError('room_invalid')
    const { homeOf, bus, sessions } = this.#bound
    const home = homeOf(question.room)
    const reply =
      home === sessions.state.slot
        ? this.#answer(question)
        : decodeReply(await bus.ask(home, encodeQuestion(question)))
    if (!reply) throw new LimpetError('room_unavailable')
    if (reply.kind === 'refused') throw new LimpetError(reply.code, reply.message)
    return reply
  }

  /** A question of another worker. */
  async answer(data: Uint8Array): Promise<Uint8Array> {
    const question = decodeQuestion(data)
    if (!question) throw new LimpetError('arguments_invalid')
    return encodeReply(this.#answer(question))
  }

  #answer(question: RoomQuestion): Reply {
    const { sessions } = this.#bound
    return answerAtHome(sessions.state, question, sessions.now())
  }

  // — the sessions' side —

  #wireSession(session: Session): void {
    const app = new AppSession(session, this.#context!)
    session.handle = app
    for (const wire of this.#wire) {
      try {
        const result = wire(app)
        if (isThenable(result))
          Promise.resolve(result).catch((error: unknown) =>
            this.log.error({ err: error, session: session.id }, "a listener of 'session' failed"),
          )
      } catch (error) {
        this.log.error({ err: error, session: session.id }, "a listener of 'session' failed")
      }
    }
    app.wiring = false
  }
}
