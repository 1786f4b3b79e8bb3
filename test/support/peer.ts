/**
 * A peer that speaks the session protocol frame by frame, for what a well-behaved client never does: late hellos,
 * lying counts, links that are left half-open.
 */
import { randomBytes } from 'node:crypto'
import { Socket } from 'engine.io-client'
import {
  type Data,
  encodeEvent,
  encodeHello,
  Frame,
  type Hello,
  type Message,
  parseFrame,
  VERSION,
  type Welcome,
} from '../../lib/wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../../lib/wire/numbered.ts'
import { Inbox, Outbox } from '../../lib/wire/stream.ts'
import { within } from './until.ts'

const ANSWER_MS = 10_000

export type Transport = 'websocket' | 'polling'

/** The client's half of one session; its links come and go. */
export class PeerSession {
  readonly segment: string
  readonly key = token()
  readonly instance = token()
  readonly outbox = new Outbox<Frame>()
  readonly inbox = new Inbox()
  /** Names and arguments of the events that were counted, in order. */
  readonly events: unknown[][] = []
  id: string | undefined
  attempt = 0

  constructor(segment = token()) {
    this.segment = segment
  }

  hello(changes: Partial<Hello> = {}): Hello {
    this.attempt += 1
    return {
      version: VERSION,
      key: this.key,
      id: this.id,
      instance: this.instance,
      attempt: this.attempt,
      sent: this.outbox.end,
      received: this.inbox.count,
      check: this.inbox.check,
      auth: undefined,
      ...changes,
    }
  }
}

type Waiting = { readonly type: Message['type']; readonly give: (message: Message) => void }

export class PeerLink {
  readonly session: PeerSession
  readonly transport: Transport
  /** Everything that came and nobody waited for. */
  readonly messages: Message[] = []
  /** Why engine.io closed; null while it is open. */
  closed: string | null = null
  readonly #socket: Socket
  readonly #sender = new NumberedSender()
  readonly #receiver = new NumberedReceiver()
  readonly #ended: Promise<string>
  #waiting: Waiting[] = []
  /** Number of the next counted frame of this link; 0 before welcome. */
  #next = 0

  constructor(url: string, session: PeerSession, transport: Transport, segment = session.segment) {
    this.session = session
    this.transport = transport
    this.#socket = new Socket(url, {
      path: `/api/${segment}/`,
      transports: [transport],
      upgrade: false,
      query: { limpet: '1' },
    })
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.on('message', (data: string | ArrayBuffer) => this.#take(data))
    this.#ended = new Promise((resolve) => {
      this.#socket.on('close', (reason) => {
        this.closed = reason
        resolve(reason)
      })
    })
  }

  /** Resolves when engine.io's handshake is done. */
  async opened(): Promise<this> {
    const opened = new Promise<void>((resolve, reject) => {
      this.#socket.on('open', resolve)
      this.#socket.on('error', (error) => reject(error instanceof Error ? error : new Error(String(error))))
    })
    await within(opened, ANSWER_MS, 'the handshake')
    return this
  }

  /** engine.io's id of this link. */
  get sid(): string {
    return this.#socket.id ?? ''
  }

  say(data: Data): void {
    this.#socket.send(this.transport === 'polling' ? this.#sender.encode(data) : data)
  }

  /** As it is, without a number: what a broken client does on polling. */
  sayRaw(data: Data): void {
    this.#socket.send(data)
  }

  hello(changes: Partial<Hello> = {}): void {
    this.say(encodeHello(this.session.hello(changes)))
  }

  /** Says hello, takes the welcome, replays what the server has not taken. */
  async enter(changes: Partial<Hello> = {}): Promise<Welcome> {
    this.hello(changes)
    const { welcome } = await this.next('welcome')
    for (let n = welcome.taken + 1; n <= this.session.outbox.end; n++)
      this.say(this.session.outbox.at(n).data)
    return welcome
  }

  /** A counted event, and its number; sent now if the link is past its welcome, else with the replay. */
  emit(name: string, ...args: unknown[]): number {
    return this.#counted(new Frame(encodeEvent(name, args)))
  }

  /** Like `emit`, and wants an answer. */
  question(name: string, ...args: unknown[]): number {
    return this.#counted(new Frame(encodeEvent(name, args, true)))
  }

  #counted(frame: Frame): number {
    const number = this.session.outbox.append(frame)
    if (this.#next > 0) this.say(frame.data)
    return number
  }

  /** The next message of this type, among those that have come and those to come. */
  async next<T extends Message['type']>(type: T): Promise<Extract<Message, { type: T }>> {
    const at = this.messages.findIndex((message) => message.type === type)
    if (at >= 0) return this.messages.splice(at, 1)[0] as Extract<Message, { type: T }>
    const came = new Promise<Message>((give) => {
      this.#waiting.push({ type, give })
    })
    const message = await within(Promise.race([came, this.#noMore(type)]), ANSWER_MS, `a ${type}`)
    return message as Extract<Message, { type: T }>
  }

  /** Resolves with engine.io's reason when the link is closed. */
  async end(limitMs = ANSWER_MS): Promise<string> {
    return within(this.#ended, limitMs, 'the end of a link')
  }

  close(): void {
    this.#socket.close()
  }

  async #noMore(type: string): Promise<never> {
    const reason = await this.#ended
    // What came together with the end is still handed out first.
    await new Promise((resolve) => setImmediate(resolve))
    throw new Error(`the link ended (${reason}) before a ${type}`)
  }

  #take(raw: string | ArrayBuffer): void {
    let data: Data = typeof raw === 'string' ? raw : new Uint8Array(raw)
    if (this.transport === 'polling') {
      const decoded = this.#receiver.decode(data)
      if (!decoded.ok) throw new Error(`the server's frame is a ${decoded.reason}`)
      data = decoded.data
    }
    const message = parseFrame(data, 'server')
    if (!message) throw new Error(`the server sent a malformed frame: ${String(data).slice(0, 80)}`)
    this.#note(message, data)
    const waiting = this.#waiting.findIndex(({ type }) => type === message.type)
    if (waiting < 0) this.messages.push(message)
    else this.#waiting.splice(waiting, 1)[0]!.give(message)
  }

  /** Keeps the session's counts, as PROTOCOL.md wants it of a client. */
  #note(message: Message, data: Data): void {
    const { session } = this
    if (message.type === 'welcome') {
      session.id = message.welcome.id
      session.outbox.acknowledge(message.welcome.handled)
      this.#next = message.welcome.from
    }
    if (message.type === 'received') session.outbox.acknowledge(message.count)
    if (message.type !== 'event' && message.type !== 'answer') return
    if (this.#next === 0) throw new Error('a counted frame came before welcome')
    if (this.#next++ !== session.inbox.count + 1) return
    session.inbox.take(new Frame(data).crc)
    if (message.type === 'event') session.events.push([message.event.name, ...message.event.args])
  }
}

/** Opens a link and waits for engine.io's handshake. */
export async function openLink(url: string, session: PeerSession, transport: Transport): Promise<PeerLink> {
  return new PeerLink(url, session, transport).opened()
}

function token(): string {
  return randomBytes(16).toString('base64url')
}
