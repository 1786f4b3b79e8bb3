/**
 * A server of one's own making for client tests: real engine.io sockets on port 0, frames written by hand. What comes
 * is queued, so nothing is missed.
 */
import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server as Engine, type Socket as EngineSocket } from 'engine.io'
import {
  type Data,
  encodeClose,
  encodeEvent,
  encodeGone,
  encodeNumber,
  encodeWelcome,
  type Hello,
  type Message,
  parseFrame,
  type Welcome,
} from '../../lib/wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../../lib/wire/numbered.ts'

/** A queue whose reader waits. */
class Queue<T> {
  readonly #items: T[] = []
  readonly #readers: ((item: T) => void)[] = []

  push(item: T): void {
    const reader = this.#readers.shift()
    if (reader) reader(item)
    else this.#items.push(item)
  }

  next(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift()!)
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  get size(): number {
    return this.#items.length
  }
}

export class ServerLink {
  readonly transport: string
  readonly url: string
  readonly closed: Promise<string>
  readonly socket: EngineSocket
  readonly #messages = new Queue<Message>()
  readonly #sender = new NumberedSender()
  readonly #receiver = new NumberedReceiver()

  constructor(socket: EngineSocket) {
    this.socket = socket
    this.transport = socket.transport.name
    this.url = socket.request.url ?? ''
    this.closed = new Promise((resolve) => socket.on('close', resolve))
    socket.on('message', (raw: string | Buffer) => {
      const numbered =
        this.transport === 'polling' ? this.#receiver.decode(raw) : { ok: true as const, data: raw }
      if (!numbered.ok) throw new Error(`link-local number: ${numbered.reason}`)
      const message = parseFrame(numbered.data, 'client')
      if (!message) throw new Error(`malformed frame ${String(numbered.data)}`)
      this.#messages.push(message)
    })
  }

  next(): Promise<Message> {
    return this.#messages.next()
  }

  /** How many frames wait unread. */
  get unread(): number {
    return this.#messages.size
  }

  send(...frames: Data[]): void {
    for (const frame of frames)
      this.socket.send(this.transport === 'polling' ? this.#sender.encode(frame) : frame)
  }

  async hello(): Promise<Hello> {
    const message = await this.next()
    if (message.type !== 'hello') throw new Error(`expected hello, got ${message.type}`)
    return message.hello
  }

  welcome(welcome: Partial<Welcome> = {}): void {
    const limits = { payloadBytes: 4 * 1024 * 1024, outboxBytes: 1024 * 1024 }
    const sent = Math.max(0, (welcome.from ?? 1) - 1)
    const standard = { id: 's1', from: 1, taken: 0, handled: 0, check: 0, sent, graceMs: 120_000, limits }
    this.send(encodeWelcome({ ...standard, ...welcome }))
  }

  /** Reads hello, says welcome. */
  async greet(welcome: Partial<Welcome> = {}): Promise<Hello> {
    const hello = await this.hello()
    this.welcome(welcome)
    return hello
  }

  event(name: string, ...args: unknown[]): void {
    this.send(encodeEvent(name, args))
  }

  question(name: string, ...args: unknown[]): void {
    this.send(encodeEvent(name, args, true))
  }

  received(count: number): void {
    this.send(encodeNumber('received', count))
  }

  gone(code: string, handled: number, taken: number): void {
    this.send(encodeGone({ code, handled, taken }))
  }

  close(code: string, instance?: string): void {
    this.send(encodeClose(code, 'because', instance))
  }

  /** The next frame but for acknowledgements, whose time the clock decides; it must be an event. */
  async nextEvent(): Promise<{ name: string; args: unknown[]; wantsAnswer: boolean }> {
    let message = await this.next()
    while (message.type === 'received') message = await this.next()
    if (message.type !== 'event') throw new Error(`expected event, got ${message.type}`)
    return { ...message.event, wantsAnswer: message.wantsAnswer }
  }

  /** Cuts it as a dying process would. */
  cut(): void {
    this.socket.close(true)
  }
}

export class ScriptedServer {
  /** What happens to WebSocket upgrades: opened, cut, or left without an answer. */
  webSockets: 'open' | 'cut' | 'silent' = 'open'
  /** Polling requests are refused. */
  refusePolling = false
  upgrades = 0
  posts = 0
  readonly #http: HttpServer
  readonly #engine: Engine
  readonly #links = new Queue<ServerLink>()
  readonly #held = new Set<Duplex>()

  private constructor(engineOptions: { pingInterval?: number; pingTimeout?: number }) {
    this.#engine = new Engine({ allowUpgrades: false, ...engineOptions })
    this.#engine.on('connection', (socket: EngineSocket) => this.#links.push(new ServerLink(socket)))
    this.#http = createServer((req, res) => {
      if (req.method === 'POST') this.posts += 1
      if (this.refusePolling) res.writeHead(503).end()
      else this.#engine.handleRequest(req as never, res)
    })
    this.#http.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.upgrades += 1
      this.#held.add(socket)
      socket.on('error', () => {}).on('close', () => this.#held.delete(socket))
      if (this.webSockets === 'open') this.#engine.handleUpgrade(req as never, socket, head)
      else if (this.webSockets === 'cut') socket.destroy()
    })
  }

  /** @param port of a server that was here before; 0 for any */
  static async start(engineOptions = {}, port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer(engineOptions)
    await new Promise<void>((resolve) => server.#http.listen(port, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** The next link a client opens. */
  link(): Promise<ServerLink> {
    return this.#links.next()
  }

  async stop(): Promise<void> {
    this.#engine.close()
    for (const socket of this.#held) socket.destroy()
    this.#http.closeAllConnections()
    await new Promise((resolve) => this.#http.close(resolve))
  }
}
