/** As much of the server as the chat uses, in memory: one order per room, handlers of a session one by one. */
import type { HelloInfo, HistoryEntry, HistoryOptions, HistoryPage, Member, Server } from '../../lib/index.ts'
import { LimpetError } from '../../lib/index.ts'

type Handler = (...args: unknown[]) => unknown
type Wire = (session: unknown) => void

interface MemoryRoom {
  readonly members: Map<string, { readonly peer: Peer; readonly watches: boolean }>
  readonly history: HistoryEntry[]
  last: number
}

/** One client, as a test drives it. */
export class Peer {
  /** Every event it was sent, oldest first. */
  readonly received: [name: string, ...args: unknown[]][] = []
  readonly handlers = new Map<string, Handler>()
  readonly id: string
  data: Readonly<Record<string, unknown>>
  closed = false
  rooms = 0
  #turn: Promise<unknown> = Promise.resolve()
  #messages = 0

  constructor(id: string, data: Readonly<Record<string, unknown>>) {
    this.id = id
    this.data = data
  }

  /** Like `emitWithAck` of a client that sends what it likes. */
  ask(name: string, ...args: unknown[]): Promise<unknown> {
    return this.#handle(name, args, false)
  }

  /** The same message again, in another process. */
  askAgain(name: string, ...args: unknown[]): Promise<unknown> {
    return this.#handle(name, args, true)
  }

  #handle(name: string, args: unknown[], redelivered: boolean): Promise<unknown> {
    const info = { id: `${this.id}.${++this.#messages}`, redelivered }
    return this.#inTurn(() => this.handlers.get(name)?.(...args, info))
  }

  #inTurn(act: () => unknown): Promise<unknown> {
    const result = this.#turn.then(act)
    this.#turn = result.catch(() => {})
    return result
  }
}

export class MemoryServer {
  readonly #rooms = new Map<string, MemoryRoom>()
  #admit: (hello: HelloInfo) => unknown = () => ({})
  #wire: Wire = () => {}
  #peers = 0
  #public: readonly string[] = []
  /** Called before the home answers a question: a test may let something happen in between. */
  beforeAnswer: () => void = () => {}
  /** What the app handed to `server.http`. */
  pages: Handler | null = null

  /** The server an app is given. */
  get api(): Server<never, never, never> {
    const api = {
      use: (admit: (hello: HelloInfo) => unknown) => {
        this.#admit = admit
        return api
      },
      on: (_name: 'session', wire: Wire) => {
        this.#wire = wire
        return api
      },
      publicData: (...fields: string[]) => {
        this.#public = fields
        return api
      },
      to: (room: string) => this.#target(room),
      room: (name: string) => ({
        members: () => this.#answer(() => this.#members(name)),
        history: (options: HistoryOptions = {}) => this.#answer(() => this.#history(name, options)),
      }),
      http: (handler: Handler) => {
        this.pages = handler
        return api
      },
    }
    return api as unknown as Server<never, never, never>
  }

  async connect(auth?: unknown): Promise<Peer> {
    const hello = { auth, address: '127.0.0.1', headers: {}, segment: 'segment' }
    const peer = new Peer(`s${++this.#peers}`, (await this.#admit(hello)) as Peer['data'])
    this.#wire(this.#session(peer))
    return peer
  }

  /** What `--history` does: what was said in a room goes, but for the last so many. */
  forget(room: string, but = 0): void {
    const { history } = this.#room(room)
    history.splice(0, history.length - but)
  }

  /** Rooms that nobody is in. */
  get storage(): string[] {
    return [...this.#rooms].filter(([, { members }]) => members.size === 0).map(([name]) => name)
  }

  /** The session ends, and with it its memberships. */
  end(peer: Peer): void {
    peer.closed = true
    for (const room of this.#rooms.keys()) this.#leave(room, peer)
  }

  #session(peer: Peer): unknown {
    return {
      id: peer.id,
      get data() {
        return peer.data
      },
      rooms: {
        has: (room: string) => this.#rooms.get(room)?.members.has(peer.id) === true,
        get size() {
          return peer.rooms
        },
      },
      volatile: { emit: (name: string, ...args: unknown[]) => peer.received.push([name, ...args]) },
      on: (name: string, handler: Handler) => peer.handlers.set(name, handler),
      update: (patch: object) => {
        if (peer.closed) throw new LimpetError('session_closed')
        const before = JSON.stringify(this.#shown(peer))
        peer.data = { ...peer.data, ...patch }
        if (JSON.stringify(this.#shown(peer)) === before) return
        for (const [name, { members }] of this.#rooms)
          if (members.has(peer.id)) this.#notice(name, 'updated', peer)
      },
      join: (room: string, { presence = false } = {}) => this.#answer(() => this.#join(room, peer, presence)),
      leave: (room: string) => this.#answer(() => this.#leave(room, peer)),
      to: this.api.to,
    }
  }

  async #answer<T>(answer: () => T): Promise<T> {
    await Promise.resolve()
    this.beforeAnswer()
    return answer()
  }

  #join(name: string, peer: Peer, watches: boolean): void {
    const { members } = this.#room(name)
    const isNew = !members.has(peer.id)
    members.set(peer.id, { peer, watches })
    if (!isNew) return
    peer.rooms += 1
    this.#notice(name, 'joined', peer)
  }

  #leave(name: string, peer: Peer): void {
    if (!this.#room(name).members.delete(peer.id)) return
    peer.rooms -= 1
    this.#notice(name, 'left', peer)
  }

  #members(name: string): Member[] {
    return [...this.#room(name).members.values()].map(({ peer }) => this.#shown(peer))
  }

  #shown({ id, data }: Peer): Member {
    return { id, data: Object.fromEntries(this.#public.map((field) => [field, data[field]])) }
  }

  #history(name: string, { limit = 50, before = Number.MAX_SAFE_INTEGER }: HistoryOptions): HistoryPage {
    if (!Number.isSafeInteger(before)) throw new LimpetError('arguments_invalid')
    const kept = this.#room(name).history
    const until = kept.filter(({ number }) => number < before)
    const entries = until.slice(-limit)
    const first = entries[0]?.number ?? before
    const earlier =
      entries.length < until.length ? 'more' : first > 1 && kept.length > 0 ? 'forgotten' : 'none'
    return { entries, epoch: 'epoch', earlier }
  }

  #notice(name: string, what: string, about: Peer): void {
    for (const { peer, watches } of this.#room(name).members.values())
      if (watches) peer.received.push([what, name, this.#shown(about)])
  }

  #target(room: string, but: readonly string[] = []): unknown {
    return {
      emit: (name: string, ...args: unknown[]) => this.#publish(room, name, args, but, true),
      except: (...ids: string[]) => this.#target(room, [...but, ...ids]),
      volatile: { emit: (name: string, ...args: unknown[]) => this.#publish(room, name, args, but, false) },
    }
  }

  #publish(name: string, event: string, args: unknown[], but: readonly string[], keeps: boolean): void {
    const room = this.#room(name)
    if (keeps) {
      room.last += 1
      room.history.push({ number: room.last, name: event, args })
    }
    for (const { peer } of room.members.values())
      if (!but.includes(peer.id)) peer.received.push([event, ...args])
  }

  #room(name: string): MemoryRoom {
    if (typeof name !== 'string' || name === 'unreachable') throw new LimpetError('room_unavailable')
    const room = this.#rooms.get(name) ?? { members: new Map(), history: [], last: 0 }
    this.#rooms.set(name, room)
    return room
  }
}
