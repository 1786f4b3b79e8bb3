/** Keeps a session on links: opens them, gives them time, falls back to polling and returns to WebSocket. */
import { retryOf } from '../wire/codes.ts'
import type { Data } from '../wire/frames.ts'
import { Backoff } from './backoff.ts'
import type { LinkId } from './effects.ts'
import type { Link, LinkTransport } from './link.ts'
import { Moves } from './moves.ts'
import type { ClientSession } from './session.ts'
import type { Cancel, Surroundings } from './surroundings.ts'

export interface ConnectorOptions {
  /** `http:` or `https:`, with a path that ends in `/<segment>/`. */
  readonly target: URL
  /** In the order they are tried. */
  readonly transports: readonly LinkTransport[]
  readonly reconnectDelayMs: number
  readonly reconnectDelayMaxMs: number
  /** For a link to open, and once more for its welcome. */
  readonly connectTimeoutMs: number
}

/** Why a link is opened: for want of one, to return to WebSocket, or because the current one may be dead. */
type Purpose = 'connect' | 'move' | 'check'

interface Entry {
  readonly id: LinkId
  readonly link: Link
  purpose: Purpose
  /** What is tried if this fails before its welcome. */
  rest: readonly LinkTransport[]
  /** Tried in vain just before. */
  readonly failed: LinkTransport | null
  welcomed: boolean
  cancelDeadline: Cancel
}

/** Heard within this time, a link needs no check. */
const HEARD_LATELY_MS = 5000

export class Connector {
  readonly #session: ClientSession
  readonly #options: ConnectorOptions
  readonly #surroundings: Surroundings
  readonly #afterInput: () => void
  readonly #debug: (what: string, details: unknown) => void
  readonly #backoff: Backoff
  readonly #moves: Moves
  readonly #entries = new Map<LinkId, Entry>()
  #lastId = 0
  #policy: 'now' | 'later' = 'now'
  #retry: { readonly cancel: Cancel; readonly at: number; readonly ordered: boolean } | null = null

  /** `afterInput` runs whenever a link has told the session something. */
  constructor(
    session: ClientSession,
    options: ConnectorOptions,
    surroundings: Surroundings,
    afterInput: () => void,
    debug: (what: string, details: unknown) => void = () => {},
  ) {
    this.#session = session
    this.#options = options
    this.#surroundings = surroundings
    this.#afterInput = afterInput
    this.#debug = debug
    this.#moves = new Moves(surroundings, () => this.#open('move', ['websocket']))
    this.#backoff = new Backoff(options.reconnectDelayMs, options.reconnectDelayMaxMs)
  }

  send(id: LinkId, frames: readonly Data[]): void {
    this.#entries.get(id)?.link.send(frames)
  }

  writable(id: LinkId): boolean {
    return this.#entries.get(id)?.link.writable ?? false
  }

  closeLink(id: LinkId, code: string): void {
    const entry = this.#entries.get(id)
    if (!entry) return
    this.#debug('link closed', { link: id, code })
    this.#policy = retryOf(code) === 'now' ? 'now' : 'later'
    if (entry.purpose === 'move' && !entry.welcomed) this.#moves.failed()
    this.#drop(entry)
  }

  /** Bytes that were given to the current link and have not left yet. */
  get ahead(): number {
    return this.#current()?.link.ahead ?? 0
  }

  /** Milliseconds until the next try; null when none waits for its time. */
  get retryInMs(): number | null {
    const at = this.#session.isWaiting ? this.#retry?.at : undefined
    return at === undefined ? null : Math.max(0, at - this.#surroundings.now())
  }

  retryAfter(ms: number): void {
    // A move that the server does not want now is not a reconnect.
    if (this.#session.state !== 'connected') this.#backoff.order(ms)
  }

  drainAfter(ms: number): void {
    this.#backoff.order(ms)
  }

  // What the application and the page ask for.

  /** Hand in an input of the session that no link caused. */
  input(act: () => void): void {
    act()
    this.#settle()
    this.#afterInput()
  }

  /** Connects at once, or makes sure that the current link lives: a second one takes over if it does not. */
  check(surely: boolean): void {
    const current = this.#current()
    if (this.#session.isWaiting) {
      // A slot that the server gave is kept.
      if (this.#entries.size === 0 && !this.#retry?.ordered) this.#connect()
    } else if (current && this.#entries.size === 1) {
      const silent = this.#surroundings.now() - current.link.heardAt
      if (surely || silent > HEARD_LATELY_MS) this.#open('check', [current.link.transport])
    }
  }

  /** Cuts the current link as a lost network would. */
  cut(): void {
    const current = this.#current()
    if (current) this.#lost(current)
  }

  #connect(): void {
    this.#cancelRetry()
    if (!this.#session.isWaiting) return
    const { transports } = this.#options
    const holdsBack = this.#moves.holdsBack && transports.includes('polling')
    this.#open('connect', holdsBack ? ['polling'] : transports)
  }

  #open(purpose: Purpose, transports: readonly LinkTransport[], failed: LinkTransport | null = null): void {
    const [transport, ...rest] = transports
    if (!transport) return
    this.#lastId += 1
    const id = this.#lastId
    const link = this.#surroundings.openLink(this.#options.target, transport, {
      opened: () => {
        this.#debug('link open', { link: id })
        this.#giveTime(entry)
        this.input(() => this.#session.linkOpened(id))
      },
      frame: (data) => this.input(() => this.#session.linkFrame(id, data, this.#surroundings.now())),
      drained: () => this.#afterInput(),
      closed: () => this.#lost(entry),
    })
    const entry: Entry = { id, link, purpose, rest, failed, welcomed: false, cancelDeadline: () => {} }
    this.#debug('link', { link: id, transport, purpose })
    this.#giveTime(entry)
    this.#entries.set(id, entry)
  }

  #giveTime(entry: Entry): void {
    entry.cancelDeadline()
    const { connectTimeoutMs } = this.#options
    entry.cancelDeadline = this.#surroundings.setTimer(() => this.#lost(entry), connectTimeoutMs)
  }

  /** By the network, by the peer, or out of time. */
  #lost(entry: Entry): void {
    const { id, purpose, rest, welcomed } = entry
    const { transport } = entry.link
    this.#debug('link lost', { link: id, transport, welcomed })
    this.#drop(entry)
    if (welcomed && transport === 'websocket') this.#moves.lost()
    if (!welcomed && purpose === 'move') this.#moves.failed()
    this.input(() => {
      this.#session.linkClosed(id)
      if (!welcomed && purpose === 'connect' && this.#session.isWaiting)
        this.#open('connect', rest, transport)
    })
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.id)
    entry.cancelDeadline()
    entry.link.close()
  }

  #welcomed(entry: Entry): void {
    entry.welcomed = true
    entry.cancelDeadline()
    this.#backoff.welcomed()
    this.#policy = 'now'
    if (entry.link.transport === 'websocket') {
      if (entry.purpose === 'move') this.#moves.moved()
      for (const other of [...this.#entries.values()]) if (other !== entry) this.#drop(other)
    } else if (entry.failed === 'websocket') this.#moves.failed()
    else this.#moves.polling()
  }

  // After each input: what must be under way now.

  #settle(): void {
    const current = this.#current()
    if (current && !current.welcomed) this.#welcomed(current)
    const { state } = this.#session
    if (state === 'suspended' || state === 'closed')
      for (const entry of [...this.#entries.values()]) this.#drop(entry)
    if (this.#session.isWaiting) this.#wait()
    // A slot that the server gave stands while the page is away.
    else if (state !== 'suspended' || !this.#retry?.ordered) this.#cancelRetry()
    this.#planMove(current)
  }

  #wait(): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.welcomed) {
        // Its session is gone; the next one says hello on it.
        Object.assign(entry, { purpose: 'connect', rest: [], welcomed: false })
        this.#giveTime(entry)
      } else if (entry.purpose !== 'connect' && entry.id !== this.#session.candidate?.link) this.#drop(entry)
    }
    if (this.#entries.size > 0 || this.#retry) return
    const { ordered } = this.#backoff
    const ms = this.#backoff.next(this.#policy, this.#surroundings.random())
    this.#debug('next try', { ms })
    const at = this.#surroundings.now() + ms
    this.#retry = { cancel: this.#surroundings.setTimer(() => this.#connect(), ms), at, ordered }
  }

  #planMove(current: Entry | null): void {
    this.#moves.plan(
      current?.link.transport === 'polling' &&
        this.#options.transports.includes('websocket') &&
        ![...this.#entries.values()].some((entry) => entry.purpose === 'move' && !entry.welcomed),
    )
  }

  #cancelRetry(): void {
    this.#retry?.cancel()
    this.#retry = null
  }

  #current(): Entry | null {
    const { link } = this.#session
    return link === null ? null : (this.#entries.get(link) ?? null)
  }
}
