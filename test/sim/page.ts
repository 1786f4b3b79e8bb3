/** A client's process: the real session machine and connector, and an application that notes all it is told. */
import { Connector } from '../../lib/client/connector.ts'
import type { ClientEffects, Delivery } from '../../lib/client/effects.ts'
import type { Link, LinkEvents, LinkTransport } from '../../lib/client/link.ts'
import { ClientSession } from '../../lib/client/session.ts'
import { assertTransition } from '../../lib/client/transitions.ts'
import type { Clock } from './clock.ts'
import { contentOf, type Form } from './content.ts'
import { type NotesWorld, PageNotes } from './page-notes.ts'
import type { SimLink } from './wire.ts'

/** What a page needs of the world. */
export interface PageWorld extends NotesWorld {
  readonly clock: Clock
  readonly network: { open(page: Page, transport: LinkTransport, events: LinkEvents): SimLink }
  /** 0 ≤ x < 1 */
  jitter(): number
  newId(): number
  pageClosed(page: Page, code: string): void
}

const TRANSPORTS: readonly (readonly LinkTransport[])[] = [
  ['websocket', 'polling'],
  ['polling'],
  ['websocket', 'polling'],
  ['websocket'],
]

export class Page {
  readonly name: string
  /** Pages of one client share its segment. */
  readonly client: number
  readonly machine: ClientSession
  /** Of its hellos, the last three, as they were sent. */
  readonly hellos: string[] = []
  key = ''
  dead = false
  readonly #world: PageWorld
  readonly #notes: PageNotes
  readonly #connector: Connector
  /** Something is to leave at the end of this step. */
  #dirty = true
  #links: SimLink[] = []
  #authDue: number | null = null
  /** What the server ordered: so long behind the end of the last link. */
  #orderMs: number | null = null
  #sends = 0
  #unanswered: Delivery[] = []

  /** @param keys what it begins with: a copied page has its original's */
  constructor(name: string, client: number, world: PageWorld, keys: string[] = []) {
    this.name = name
    this.client = client
    this.#world = world
    this.#notes = new PageNotes(name, world)
    const newKey = (): string => {
      this.key = keys.shift() ?? `client${client}-key${world.newId()}`
      return this.key
    }
    const instance = `instance-${name}`
    this.machine = new ClientSession({ instance, outboxBytes: 8192, newKey, effects: this.#effects() })
    this.#connector = this.#connect()
    this.#connector.check(true)
  }

  #connect(): Connector {
    const { clock, jitter, newId } = this.#world
    const options = {
      target: new URL(`http://sim/api/segment${this.client}/`),
      transports: TRANSPORTS[this.client % TRANSPORTS.length]!,
      reconnectDelayMs: 500,
      reconnectDelayMaxMs: 10_000,
      connectTimeoutMs: 10_000,
    }
    const surroundings = {
      openLink: (_target: object, transport: LinkTransport, events: LinkEvents): Link =>
        this.#openLink(transport, events),
      now: () => clock.now,
      random: () => jitter.call(this.#world),
      setTimer: (act: () => void, ms: number) => clock.set(() => this.dead || act(), ms),
      newToken: () => `token${newId.call(this.#world)}`,
      report: (error: unknown) => {
        throw error
      },
      page: null,
      locks: null,
    }
    return new Connector(this.machine, options, surroundings, () => {
      this.#dirty = true
    })
  }

  get closed(): boolean {
    return this.dead || this.machine.state === 'closed'
  }

  /** Has the session, as far as it knows. */
  owns(session: string): boolean {
    return !this.closed && this.machine.id === session
  }

  get quiet(): boolean {
    const { state, emitted, handled } = this.machine
    return this.closed || (state === 'connected' && emitted === handled && this.#unanswered.length === 0)
  }

  // — its application —

  emit(word: string, room: string, size: number, form: Form, asks: boolean): void {
    if (this.closed) return
    const id = `${this.name}:${++this.#sends}`
    const content = contentOf(size, form)
    let number: number
    try {
      number = this.machine.emit(word, [id, content, room, Math.min(size, 700)], asks)
    } catch (error) {
      if ((error as { code?: string }).code !== 'outbox_full') throw error
      this.#world.count('client: outbox_full')
      return
    }
    if (size === 0) this.#world.count('empty payloads')
    this.#notes.sent(number, word, id, content, asks)
    this.#dirty = true
  }

  emitVolatile(id: string): void {
    if (this.closed) return
    this.machine.emitVolatile('wave', [id])
    this.#dirty = true
  }

  /** Answers the questions it was slow to answer. */
  reply(): void {
    for (const delivery of this.#unanswered.splice(0)) this.#answer(delivery)
  }

  close(): void {
    this.#connector.input(() => this.machine.close('closed_by_client', '', this.#world.clock.now))
  }

  /** The network or the page goes away, and comes back. */
  away(): void {
    if (this.closed || this.machine.state === 'suspended') return
    this.#world.count('pages away')
    this.#connector.input(() => this.machine.suspend('link_lost'))
  }

  back(): void {
    if (this.machine.state !== 'suspended') return
    this.#connector.input(() => this.machine.wake())
    this.#connector.check(true)
  }

  /** The link is in doubt: a second one is opened beside it. */
  check(): void {
    this.#connector.check(true)
  }

  /** Time has passed. */
  tick(): void {
    if (this.machine.dueAt() <= this.#world.clock.now) this.#dirty = true
  }

  /** The process ends without a word: nobody is told, nothing is settled. */
  die(): void {
    if (this.dead) return
    this.dead = true
    this.#notes.died()
  }

  /** What the client leaves to a microtask. */
  turnEnds(): void {
    if (!this.#dirty || this.dead) return
    const link = this.#authDue
    this.#authDue = null
    if (link !== null && this.machine.candidate?.link === link)
      this.#connector.input(() => this.machine.authReady(link, { client: this.client }))
    this.#dirty = false
    this.machine.flush(this.#world.clock.now)
  }

  // — what the machine asks for —

  #openLink(transport: LinkTransport, events: LinkEvents): Link {
    const { clock } = this.#world
    const open = this.#links.filter(({ client }) => client.isOpen)
    if (this.#orderMs !== null && open.length === 0) {
      const since = Math.max(...this.#links.map(({ client }) => client.endedAt))
      const early = since + this.#orderMs - clock.now
      if (early > 0) this.#world.find(`${this.name} came back ${early} ms before its slot`)
      this.#orderMs = null
      this.#world.count('orders obeyed')
    }
    const link = this.#world.network.open(this, transport, events)
    this.#links = [...(this.#orderMs === null ? open : this.#links), link]
    return link.client
  }

  #effects(): ClientEffects {
    return {
      send: (id, frames) => {
        for (const frame of frames) if (typeof frame === 'string' && frame.startsWith('h')) this.#hello(frame)
        this.#connector.send(id, frames)
      },
      writable: (id) => this.#connector.writable(id),
      closeLink: (id, code) => {
        if (code === 'protocol_error') this.#world.find(`${this.name}: the server broke the protocol`)
        this.#connector.closeLink(id, code)
      },
      needAuth: (id) => {
        this.#authDue = id
        this.#dirty = true
      },
      state: (to, from) => assertTransition(from, to),
      deliver: (delivery) => this.#deliver(delivery),
      settle: (number, result) => this.#notes.settled(number, result),
      settledUpTo: () => {},
      connect: () => this.#notes.connected(this.machine.id!),
      resume: () => {
        this.#world.count('resumes')
        this.#notes.resumed(this.machine.id!)
        // A listener may send at once.
        if (this.#sends % 3 === 0) this.emit('echo', 'a', 0, 'text', true)
      },
      discontinuity: (info) => {
        this.#unanswered = []
        this.#notes.lost(info)
        if (this.#sends % 2 === 0) this.emit('say', 'a', 1, 'text', false)
      },
      close: ({ code }) => {
        this.#world.pageClosed(this, code)
        this.#notes.closed()
      },
      retryAfter: (ms) => {
        this.#connector.retryAfter(ms)
        if (this.machine.state !== 'connected') this.#orderMs = ms
      },
      drainAfter: (ms) => {
        this.#connector.drainAfter(ms)
        this.#orderMs = ms
      },
    }
  }

  #hello(frame: string): void {
    this.hellos.unshift(frame)
    this.hellos.length = Math.min(this.hellos.length, 3)
  }

  #deliver(delivery: Delivery): void {
    this.#notes.delivered(this.machine.id!, delivery)
    if (!delivery.wantsAnswer) return
    if (String(delivery.args[0]).endsWith('0')) this.#unanswered.push(delivery)
    else this.#answer(delivery)
  }

  #answer(delivery: Delivery): void {
    this.machine.answer(delivery, { ok: true, value: delivery.args[0] })
    this.#dirty = true
  }
}
