/**
 * The pure core of a worker with everything outside handed in: links of memory, a clock that the test moves, commits
 * that the test runs, and a client of the protocol whose counts a test may falsify.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { pino } from 'pino'
import { decodeItem } from '../../lib/bus/items.ts'
import { checksum, roll } from '../../lib/wire/checksum.ts'
import {
  type Data,
  encodeEvent,
  encodeHello,
  Frame,
  type Hello,
  type Message,
  parseFrame,
  VERSION,
} from '../../lib/wire/frames.ts'
import { Inbox } from '../../lib/wire/stream.ts'
import type { RawEngine } from '../../lib/worker/api.ts'
import type { AppSession } from '../../lib/worker/app-session.ts'
import type { Bundle } from '../../lib/worker/bundle.ts'
import type { Journal } from '../../lib/worker/journal.ts'
import type { Link, Transport } from '../../lib/worker/link.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { Rooms } from '../../lib/worker/room.ts'
import { AppServer } from '../../lib/worker/server.ts'
import type { Session } from '../../lib/worker/session.ts'
import { type AppPorts, Sessions } from '../../lib/worker/sessions.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { Turn } from '../../lib/worker/turn.ts'

export const LIMITS = {
  graceMs: 20_000,
  helloMs: 3_000,
  useMs: 6_000,
  payloadBytes: 4096,
  outboxBytes: 16_384,
  takenBytes: 8192,
  hellosPerSecond: 0,
  hellosPerAddress: 0,
  suspendedSessions: 100_000,
  suspendedPerAddress: 0,
  messagesPerSecond: 0,
  bytesPerSecond: 0,
  pingTimeoutMs: 20_000,
  roomsPerSession: 3,
  busBytes: 1 << 20,
  history: 10,
  historyBytes: 100_000,
  historyAgeMs: 0,
  emptyRooms: 10,
  emptyRoomsBytes: 100_000,
  publicBytes: 200,
}

export interface CoreParts {
  readonly slot: number
  /** What a journal came to; a new one without it. */
  readonly state?: WorkerState
  readonly limits?: typeof LIMITS
  readonly now: () => number
  readonly app: AppPorts & { homeOf(room: string): number }
  readonly journal: Journal
  /** Items 1 … count of a slot's stream are committed. */
  readonly received: (from: number, count: number) => void
  readonly flushed?: () => void
  /** Of `Turn`; by default flushes take no time, and so none rests. */
  readonly flushClock?: () => number
  /** As `Bus.cut`; without it the streams are cut where `busDeliver` stands. */
  readonly cut?: (to: number) => number
}

export class Core {
  readonly slot: number
  readonly state: WorkerState
  readonly turn: Turn
  readonly sessions: Sessions
  readonly rooms: Rooms
  /** A commit waits for the check phase. */
  due: (() => void) | null = null
  /** A flush waits for its moment. */
  resting: (() => void) | null = null
  /** Items of each stream that have left and are not yet taken: to slot → numbers sent so far. */
  readonly busCursor = new Map<number, number>()

  constructor(parts: CoreParts) {
    const {
      slot,
      limits = LIMITS,
      now,
      app,
      journal,
      received,
      flushed = () => {},
      cut,
      flushClock = () => 0,
    } = parts
    this.slot = slot
    this.state = parts.state ?? new WorkerState(slot, limits)
    this.turn = new Turn(this.state, {
      journal,
      bus: { flush: flushed, received },
      defer: (end) => {
        if (this.due) throw new Error('a second commit for one turn')
        this.due = end
      },
      clock: flushClock,
      later: (flush) => {
        if (this.resting) throw new Error('a second flush that rests')
        this.resting = flush
      },
      overflowed: (session) => this.sessions.end(session, 'outbox_overflow', '', 'gone'),
      parted: (link) => this.sessions.parted(link),
      polled: (session) => this.sessions.polled(session),
      owed: (session) => this.sessions.owed(session),
      regulate: (session) => this.sessions.regulate(session),
      broke: (_session, error) => {
        throw error
      },
      lost: (error) => {
        throw error
      },
    })
    this.sessions = new Sessions(this.state, this.turn, limits, app, now)
    this.rooms = new Rooms(this.sessions, limits, app.homeOf, {
      cut: cut ?? ((to) => Math.max(this.busCursor.get(to) ?? 0, this.state.outbox(to).base)),
    })
  }

  /** The end of the turn; where there is none, the flush that rests. */
  commit(): void {
    const call = this.due ?? this.resting
    if (this.due) this.due = null
    else this.resting = null
    call?.()
  }

  /** @returns false when nothing is on its way to `to` */
  busDeliver(to: Core): boolean {
    const outbox = this.state.outbox(to.slot)
    const next = Math.max(this.busCursor.get(to.slot) ?? 0, outbox.base) + 1
    if (next > outbox.end) return false
    this.busCursor.set(to.slot, next)
    const { data, crc } = outbox.at(next)
    const item = decodeItem(data as Uint8Array)
    if (!item) throw new Error('an item that cannot be decoded')
    to.rooms.item(this.slot, next, item, roll(to.state.receivedCheck(this.slot), crc))
    return true
  }
}

export interface TestWorkerOptions {
  readonly slot?: number
  /** All workers by slot; the new one puts itself in. */
  readonly fleet?: TestWorker[]
  readonly limits?: Partial<typeof LIMITS>
  readonly handlerMs?: number
  /** A journal of the test's own. */
  readonly write?: (batch: readonly StateRecord[]) => void
  readonly homeOf?: (room: string) => number
  /** What a journal came to: the test registers its listeners and calls `sessions.recover()`. */
  readonly state?: WorkerState
  readonly now?: number
}

const farOrNear = (room: string): number => (room.startsWith('far') ? 1 : 0)

/** A core with the real application server. Rooms named `far…` have their home in slot 1, all others in slot 0. */
export class TestWorker extends Core {
  readonly server: AppServer
  readonly clock: { now: number }
  /** What left for the journal (`write n`), the bus (`flush`, `received n`) in this order. */
  readonly batches: (readonly StateRecord[])[]
  readonly logged: {
    readonly level: number
    readonly msg: string
    readonly err?: { readonly message: string }
  }[]
  /** Each session as the application got it, and its lifecycle events. */
  readonly apps: AppSession[] = []
  readonly seen: string[] = []

  constructor(options: TestWorkerOptions = {}) {
    const { slot = 0, fleet = [], limits = {}, homeOf = farOrNear, write, state, now = 1_000_000 } = options
    const clock = { now }
    const complete = { ...LIMITS, ...limits }
    const logged: TestWorker['logged'] = []
    const log = pino({ level: 'trace' }, { write: (line) => void logged.push(JSON.parse(line)) })
    const engine = { on() {}, opts: {} } as unknown as RawEngine
    const server = new AppServer(engine, log, complete.payloadBytes, options.handlerMs)
    // Names that the process before gave do not come again.
    let ids = state ? now : 0
    const app = server.appPorts({ hashKey: hashOf, newId: () => `session${slot}-${++ids}` })
    const batches: (readonly StateRecord[])[] = []
    super({
      slot,
      ...(state && { state }),
      limits: complete,
      now: () => clock.now,
      app: { ...app, homeOf },
      journal: {
        write: (batch) => {
          batches.push(batch)
          write?.(batch)
        },
        close() {},
      },
      received: (from, count) => fleet[from]?.turn.record({ type: 'itemsReceived', to: slot, count }),
    })
    this.clock = clock
    this.batches = batches
    this.logged = logged
    this.server = server
    const bus = { ask: (to: number, question: Uint8Array) => fleet[to]!.server.answer(question) }
    server.bind({ sessions: this.sessions, rooms: this.rooms, bus, homeOf })
    server.ready = true
    server.on('session', (session) => this.#watch(session))
    fleet[slot] = this
  }

  #watch(session: AppSession): void {
    this.apps.push(session)
    for (const name of ['open', 'suspend', 'resume']) session.on(name, () => void this.seen.push(name))
    session.on('close', (end) => void this.seen.push(`close ${(end as { code: string }).code}`))
  }

  /** Events that a handler of every session notes as `name args`; what it returns answers. */
  listen(name: string, handler: (...args: unknown[]) => unknown = () => undefined, concurrent = false): void {
    const note = (...args: unknown[]): unknown => {
      this.seen.push([name, ...args.slice(0, -1)].join(' '))
      return handler(...args)
    }
    this.server.on('session', (session) => void session.on(name, note, { concurrent }))
  }

  /** Moves the clock, looks at deadlines, and commits. */
  pass(ms: number): void {
    this.clock.now += ms
    this.sessions.tick()
    this.commit()
  }
}

/** Runs handlers' promises, commits and the bus until nothing moves. */
export async function settle(...workers: Core[]): Promise<void> {
  let moved = true
  while (moved) {
    await new Promise(setImmediate)
    moved = false
    for (const worker of workers) {
      moved ||= worker.due !== null
      worker.commit()
      for (const other of workers) if (other !== worker) while (worker.busDeliver(other)) moved = true
    }
  }
}

export function hashOf(key: string): string {
  return `hash-of-${key}`
}

export class MemoryLink implements Link {
  readonly transport: Transport
  address = '127.0.0.1'
  readonly segment: string
  headers: IncomingHttpHeaders | null = { 'user-agent': 'test' }
  session: Session | null = null
  writable = true
  reading = true
  closed = false
  terminated = false
  readonly writes: Data[][] = []
  readonly bundles: Bundle[] = []
  #taken = 0

  constructor(transport: Transport = 'websocket', segment = 'segment') {
    this.transport = transport
    this.segment = segment
  }

  send(frames: readonly (Data | Frame)[]): void {
    if (this.closed) throw new Error('written behind a close')
    this.writes.push(frames.map((frame) => (frame instanceof Frame ? frame.data : frame)))
  }

  sendBundle(bundle: Bundle): void {
    this.bundles.push(bundle)
    this.send(bundle.frames())
  }

  close(): void {
    this.closed = true
  }

  terminate(): void {
    this.terminated = true
    this.closed = true
  }

  setReading(reading: boolean): void {
    this.reading = reading
  }

  /** What was written since the last call. */
  take(): Data[] {
    const data = this.writes.slice(this.#taken).flat()
    this.#taken = this.writes.length
    return data
  }

  /** The same in words: `event name args`, `answer 1 value`, `close code`, … */
  heard(): string[] {
    return this.take().map(inWords)
  }
}

/** A client of the protocol: counts what it gets, says hello with its counts. */
export class Peer {
  /** Another one where its process died. */
  worker: TestWorker
  key: string
  instance: string
  segment: string
  id: string | undefined
  attempt = 0
  sent = 0
  inbox = new Inbox()
  link = new MemoryLink()
  #next = 1

  constructor(worker: TestWorker, { key = 'key', instance = 'page', segment = 'segment' } = {}) {
    this.worker = worker
    this.key = key
    this.instance = instance
    this.segment = segment
  }

  /** Has said hello on a new link and read the answer. */
  static async connected(
    worker: TestWorker,
    who: { key?: string; instance?: string; segment?: string } = {},
  ): Promise<Peer> {
    const peer = new Peer(worker, who)
    await peer.connect()
    return peer
  }

  get session(): Session | undefined {
    return this.worker.state.byKey.get(hashOf(this.key))
  }

  async connect(transport: Transport = 'websocket'): Promise<string[]> {
    this.open(transport)
    this.hello()
    await settle(this.worker)
    return this.read()
  }

  /** A new link that has not said hello; the one before stays as it is. */
  open(transport: Transport = 'websocket'): MemoryLink {
    this.link = new MemoryLink(transport, this.segment)
    this.worker.sessions.linkOpened(this.link)
    return this.link
  }

  hello(lies: Partial<Hello> = {}, link = this.link): void {
    this.attempt += 1
    const { key, id, instance, attempt, sent } = this
    const { count: received, check } = this.inbox
    this.worker.sessions.linkFrame(
      link,
      encodeHello({
        version: VERSION,
        key,
        id,
        instance,
        attempt,
        sent,
        received,
        check,
        auth: null,
        ...lies,
      }),
    )
  }

  send(data: Data, link = this.link): void {
    this.worker.sessions.linkFrame(link, data)
  }

  emit(name: string, ...args: unknown[]): void {
    this.sent += 1
    this.send(encodeEvent(name, args))
  }

  ask(name: string, ...args: unknown[]): void {
    this.sent += 1
    this.send(encodeEvent(name, args, true))
  }

  lose(link = this.link): void {
    this.worker.sessions.linkClosed(link, 'lost')
  }

  /** What came on the link since the last call and is new to this client, in words. */
  read(): string[] {
    const words: string[] = []
    for (const data of this.link.take()) {
      const message = parseFrame(data, 'server')
      if (message?.type === 'welcome') {
        this.id = message.welcome.id
        this.#next = message.welcome.from
      }
      const counted = message?.type === 'event' || message?.type === 'answer'
      if (counted && this.#next++ <= this.inbox.count) continue
      if (counted) this.inbox.take(checksum(data).crc)
      words.push(inWords(data))
    }
    return words
  }
}

function inWords(data: Data): string {
  const message = parseFrame(data, 'server')
  if (!message) throw new Error(`a malformed frame: ${String(data)}`)
  return describe(message)
}

function describe(message: Message): string {
  switch (message.type) {
    case 'event':
      return [message.wantsAnswer ? 'question' : 'event', message.event.name, ...message.event.args].join(' ')
    case 'volatile':
      return ['volatile', message.event.name, ...message.event.args].join(' ')
    case 'answer':
      return `answer ${message.to} ${message.result.ok ? JSON.stringify(message.result.value) : `!${message.result.code}: ${message.result.message}`}`
    case 'received':
      return `received ${message.count}`
    case 'welcome':
      return `welcome from ${message.welcome.from} taken ${message.welcome.taken} handled ${message.welcome.handled}`
    case 'gone':
      return `gone ${message.gone.code} ${message.gone.handled}/${message.gone.taken}`
    case 'close':
      return `close ${message.close.code}${message.close.instance === undefined ? '' : ` by ${message.close.instance}`}`
    case 'retry':
      return `retry ${message.afterMs}`
    default:
      return message.type
  }
}

/** A promise that the test settles. */
export interface Gate {
  readonly promise: Promise<unknown>
  open(value?: unknown): void
  fail(error: Error): void
}

export function gate(): Gate {
  let open!: (value?: unknown) => void
  let fail!: (error: Error) => void
  const promise = new Promise<unknown>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  return { promise, open, fail }
}
