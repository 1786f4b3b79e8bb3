/** A simulated worker: the real sessions, rooms, homes and bus peers. What it records of rooms is told to a checker. */
import { decodeItem } from '../../lib/bus/items.ts'
import {
  type AnswerResult,
  type Data,
  type EventBody,
  encodeEvent,
  encodeVolatile,
  Frame,
  parseFrame,
} from '../../lib/wire/frames.ts'
import { memoryOnly } from '../../lib/worker/journal.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import type { Question, Session, Task } from '../../lib/worker/session.ts'
import { Core, hashOf, LIMITS } from '../support/core.ts'
import type { Notice, RoomHistory } from '../support/room-history.ts'
import { SimBus } from './bus.ts'
import type { Clock } from './clock.ts'

export interface NodeApp {
  opened(node: Node, session: Session): void
  received(node: Node, session: Session, name: string, args: unknown[]): void
  /** What a handler does, behind what it may wait for. */
  act(node: Node, session: Session, name: string, args: unknown[]): void
  volatile(node: Node, session: Session, args: unknown[]): void
  /** What the handler caused is all done. */
  handled(name: string, args: unknown[]): void
  ended(node: Node, session: Session, code: string): void
}

/** What a worker needs of the world. */
export interface NodeWorld {
  readonly options: { readonly workers: number; readonly rests: boolean }
  readonly clock: Clock
  readonly app: NodeApp
  readonly rooms: RoomHistory
  newId(): number
  count(what: string): void
  refused(code: string, reason: string): void
}

/** Small, so that all of them are reached. */
const SMALL = { ...LIMITS, outboxBytes: 6000, takenBytes: 4000, busBytes: 2500, roomsPerSession: 4 }

export function homeOf(room: string, workers: number): number {
  return room.charCodeAt(0) % workers
}

export class Node extends Core {
  /** `slot.life` */
  readonly name: string
  readonly workers: number
  readonly bus: SimBus
  /** Handlers that wait for the world. */
  readonly waiting: (() => void)[] = []
  /** Questions to clients that were neither answered nor given up. */
  readonly asked = new Set<string>()
  readonly life: number
  readonly #clock: Clock
  #skewMs = 0
  /** The most that its clock showed before it was set, in ms. */
  latest = 0
  readonly #history: RoomHistory

  constructor(world: NodeWorld, slot: number, life: number) {
    const { clock, app, rooms } = world
    const { workers, rests } = world.options
    let [flushClock, looks] = [0, 0]
    super({
      slot,
      limits: SMALL,
      now: () => this.now,
      journal: memoryOnly,
      received: (from, count) => this.bus.received(from, count),
      flushed: () => this.bus.flush(),
      flushClock: () => {
        looks += 1
        // Between one look and the next at times a flush, at times less.
        if (rests) flushClock += looks % 3 === 0 ? 1 : 6
        return flushClock
      },
      cut: (to) => {
        world.count('bus: workers cut off')
        return this.bus.cut(to)
      },
      app: {
        hashKey: hashOf,
        newId: () => `session${world.newId()}`,
        admit: () => ({ ok: true, data: {} }),
        wire: () => {},
        run: (session, task) => this.#run(app, session, task),
        isConcurrent: (_session, event) => event === 'beside' || event === 'aside',
        poisoned: () => {},
        refused: (_link, code, reason) => world.refused(code, reason),
        ended: (session) => rooms.ended(this.name, session.id),
        homeOf: (room) => homeOf(room, workers),
      },
    })
    this.name = `${slot}.${life}`
    this.life = life
    this.workers = workers
    this.#history = rooms
    this.#clock = clock
    this.bus = new SimBus({ slot, generation: life, epoch: `memory-${this.name}`, workers }, this.state, {
      item: (from, number, data, check) => this.#item(from, number, data, check),
      acknowledged: (to, count) => this.turn.record({ type: 'itemsReceived', to, count }),
      reset: (peer) => this.rooms.peerReset(peer),
      met: (peer, epoch) => this.turn.record({ type: 'peerMet', slot: peer, epoch }),
      ask: () => Promise.reject(new Error('nobody asks here')),
    })
    this.rooms.publicFields = ['name']
    this.#watchRooms()
  }

  get now(): number {
    return this.#clock.now + this.#skewMs
  }

  setClock(ms: number): void {
    this.latest = Math.max(this.latest, this.now)
    this.#skewMs += ms
  }

  /** Nothing of it waits, and all it sent to others was received. */
  get quiet(): boolean {
    const { peers, sessions } = this.state
    const connected = [...sessions.values()].filter(({ link }) => link)
    return (
      this.due === null &&
      this.resting === null &&
      [...peers.values(), ...connected].every(({ outbox }) => outbox.base === outbox.end)
    )
  }

  finish(nth: number): void {
    if (this.waiting.length > 0) this.waiting.splice(nth % this.waiting.length, 1)[0]!()
  }

  #item(from: number, number: number, data: Uint8Array, check: number): void {
    const item = decodeItem(data)
    if (!item) throw new Error('an item that cannot be decoded')
    this.rooms.item(from, number, item, check)
  }

  #watchRooms(): void {
    const record = this.turn.record.bind(this.turn)
    this.turn.record = (entry) => {
      record(entry)
      this.#recorded(entry)
    }
  }

  #recorded(record: StateRecord): void {
    const { name } = this
    switch (record.type) {
      case 'joining':
        return this.#history.joining(name, record.session, record.room, record.watches)
      case 'renewing':
        return this.#history.renewing(record.session, record.room, record.watches)
      case 'left':
        return this.#history.left(record.session, record.room)
      case 'joined':
        return this.#history.joined(record.session, record.room, record.number)
      case 'unanswered':
        return this.#history.unanswered(record.session, record.room)
      case 'homeJoined': {
        const { last } = this.state.homes.get(record.room)!
        return this.#history.order.joinTaken(name, record.room, record.session, record.slot, last + 1)
      }
      case 'ordered': {
        const { last, members } = this.state.homes.get(record.room)!
        const id = idOf(record.frame.data)
        this.#history.order.placed(name, record.room, last, id, members)
        return this.#history.delivered(name, record.room, last, id)
      }
      case 'delivered':
        return this.#history.delivered(name, record.room, record.number, idOf(record.frame.data))
      case 'noticed':
        return this.#history.noticed(name, record.room, noticeOf(record.frame.data))
      case 'peerCut':
        return this.#history.order.cutOff(name, record.slot)
      case 'peerReset':
        return this.#history.order.reset(name, record.slot)
    }
  }

  // — what its application does —

  emit(session: Session, name: string, args: unknown[]): void {
    this.sessions.send(session, new Frame(encodeEvent(name, args)))
  }

  emitVolatile(session: Session, name: string, args: unknown[]): void {
    this.sessions.sendVolatile(session, encodeVolatile(name, args))
  }

  /** @param settled gets null where no answer will come */
  ask(session: Session, name: string, args: unknown[], settled: (answer: unknown) => void): void {
    const before = session.outbox.end
    this.sessions.send(session, new Frame(encodeEvent(name, args, true)))
    const number = session.outbox.end
    if (number === before) return
    const key = `${session.id}/${number}`
    this.asked.add(key)
    const settle = (answer: unknown): void => {
      if (!this.asked.delete(key)) throw new Error(`${key} is settled twice`)
      settled(answer)
    }
    const question: Question = { resolve: settle, reject: () => settle(null) }
    session.questions ??= new Map()
    session.questions.set(number, question)
    this.sessions.regulate(session)
  }

  #run(app: NodeApp, session: Session, task: Task): AnswerResult | Promise<AnswerResult> {
    const ok: AnswerResult = { ok: true, value: undefined }
    if (task.kind === 'lifecycle') {
      if (task.name === 'open') app.opened(this, session)
      if (task.name === 'close' && session.phase.kind === 'closed')
        app.ended(this, session, session.phase.code)
      return ok
    }
    if (task.kind === 'leave') return ok
    if (task.kind === 'volatile') {
      app.volatile(this, session, task.event.args)
      return ok
    }
    const { name, args } = task.event
    app.received(this, session, name, args)
    const act = (): AnswerResult => {
      if (!session.closed) {
        app.act(this, session, name, args)
        app.handled(name, args)
      }
      return { ok: true, value: args[0] }
    }
    if (name !== 'slow' && name !== 'aside') return act()
    return new Promise((resolve) => {
      this.waiting.push(() => resolve(act()))
    })
  }
}

/** The first argument names a message. */
function idOf(data: Data): string {
  return String(eventOf(data).args[0])
}

function noticeOf(data: Data): Notice {
  const { name, args } = eventOf(data)
  return { what: name as Notice['what'], session: (args[1] as { id: string }).id }
}

function eventOf(data: Data): EventBody {
  const message = parseFrame(data, 'server')
  if (message?.type !== 'event') throw new Error(`no event: ${String(data)}`)
  return message.event
}
