/** As much of the server as the chat uses, in memory: one order per room, handlers of a session one by one. */
import type { HelloInfo, HistoryEntry, Member, Server } from '../../lib/index.ts'
import { LimpetError } from '../../lib/index.ts'

type Handler = (...args: unknown[]) => unknown
type Wire = (session: unknown) => void

interface MemoryRoom {
  readonly members: Map<string, { readonly peer: Peer; data: object }>
  readonly history: HistoryEntry[]
}

/** One client, as a test drives it. */
export class Peer {
  /** Every event it was sent, oldest first. */
  readonly received: [name: string, ...args: unknown[]][] = []
  readonly handlers = new Map<string, Handler>()
  readonly id: string
  data: object
  state: 'connected' | 'closed' = 'connected'
  #turn: Promise<unknown> = Promise.resolve()
  #messages = 0

  constructor(id: string, data: object) {
    this.id = id
    this.data = data
  }

  /** Like `emitWithAck` of a client that sends what it likes. */
  ask(name: string, ...args: unknown[]): Promise<unknown> {
    const info = { id: `${this.id}.${++this.#messages}`, redelivered: false }
    return this.#inTurn(() => this.handlers.get(name)?.(...args, info))
  }

  /** The session ends: at once for whoever asks its state, in its turn for the handler of `close`. */
  end(): Promise<unknown> {
    this.state = 'closed'
    return this.#inTurn(() => this.handlers.get('close')?.({ code: 'closed_by_client', reason: '' }))
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
      to: (room: string) => ({ emit: (name: string, ...args: unknown[]) => this.#publish(room, name, args) }),
      room: (name: string) => ({
        members: () => this.#answer(() => this.#members(name)),
        history: ({ limit = 50 } = {}) => this.#answer(() => this.#room(name).history.slice(-limit)),
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
    const peer = new Peer(`s${++this.#peers}`, (await this.#admit(hello)) as object)
    this.#wire(this.#session(peer))
    return peer
  }

  #session(peer: Peer): unknown {
    return {
      id: peer.id,
      get data() {
        return peer.data
      },
      get state() {
        return peer.state
      },
      on: (name: string, handler: Handler) => peer.handlers.set(name, handler),
      update: (patch: object) => {
        peer.data = { ...peer.data, ...patch }
      },
      join: (room: string) =>
        this.#answer(() => void this.#room(room).members.set(peer.id, { peer, data: peer.data })),
      leave: (room: string) => this.#answer(() => void this.#room(room).members.delete(peer.id)),
      to: this.api.to,
    }
  }

  async #answer<T>(answer: () => T): Promise<T> {
    await Promise.resolve()
    this.beforeAnswer()
    return answer()
  }

  #members(name: string): Member[] {
    return [...this.#room(name).members].map(([id, { data }]) => ({ id, data: { ...data } }))
  }

  #publish(name: string, event: string, args: unknown[]): void {
    const room = this.#room(name)
    room.history.push({ number: room.history.length + 1, name: event, args })
    for (const { peer } of room.members.values()) peer.received.push([event, ...args])
  }

  #room(name: string): MemoryRoom {
    if (typeof name !== 'string' || name === 'unreachable') throw new LimpetError('room_unavailable')
    const room = this.#rooms.get(name) ?? { members: new Map(), history: [] }
    this.#rooms.set(name, room)
    return room
  }
}
