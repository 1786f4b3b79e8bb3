/**
 * The only import of engine.io: its sockets become links. On a WebSocket frames bypass engine.io's packet machinery
 * as one pre-encoded buffer, while its own pings and packets keep their place in its queue.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import {
  Server as EngineServer,
  type Socket as EngineSocket,
  type ErrorCallback,
  type ServerOptions,
} from 'engine.io'
import { WebSocketServer } from 'ws'
import type { PerAddress } from '../addresses.ts'
import { type Data, Frame } from '../wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../wire/numbered.ts'
import type { Bundle } from './bundle.ts'
import { encodeBundle, encodeFrames } from './encode.ts'
import type { Link, LinkEvents, Transport } from './link.ts'
import type { Session } from './session.ts'

export interface EngineOptions {
  readonly slot: number
  readonly payloadBytes: number
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  readonly addressOf: (req: IncomingMessage) => string
  readonly segmentOf: (req: IncomingMessage) => string
  /** Of all links of this worker, of sessions and raw. */
  readonly connections: PerAddress
  /** engine.io answered a handshake or request with an error. */
  readonly refused: (reason: string) => void
}

/** The sid carries the slot, so that a client without a segment finds its way back to this worker. */
function sidOf(slot: number): string {
  return `${slot}-${randomBytes(15).toString('base64url')}`
}

/** engine.io counts base64 and link numbers too; the frame's own size is checked by the sessions. */
function bufferSize(payloadBytes: number): number {
  return Math.ceil((payloadBytes * 4) / 3) + 1024
}

/** Our own ws: the one engine.io brings queues a pong for every ping of a client that does not read. */
const wsEngine = WebSocketServer

type EngineRequest = ConstructorParameters<typeof EngineSocket>[3]

class Engine extends EngineServer {
  readonly #slot: number

  constructor(slot: number, options: ServerOptions) {
    super(options)
    this.#slot = slot
  }

  override generateId(): string {
    return sidOf(this.#slot)
  }

  /** engine.io itself says so behind a 101, where no client looks for it. */
  protected override verify(req: EngineRequest, upgrade: boolean, fn: ErrorCallback): void | boolean {
    if (!upgrade || req._query.EIO === '4' || this.opts.allowEIO3) return super.verify(req, upgrade, fn)
    fn(EngineServer.errors.UNSUPPORTED_PROTOCOL_VERSION)
  }

  /**
   * `opts` were changed, and some of them are read by the constructor only: another server makes of them what a
   * constructor does.
   */
  settle(): void {
    const made = new Engine(this.#slot, this.opts)
    Object.assign(this.opts, made.opts)
    // CORS: ahead of what was added since, as if it had been there from the start.
    this.middlewares.unshift(...made.middlewares)
    this.init()
  }
}

function prepare(engine: Engine, options: EngineOptions): void {
  engine.on('connection_error', ({ message }: { message: string }) => options.refused(message))
  engine.on('connection', (socket: EngineSocket) =>
    socket.once('close', options.connections.hold(options.addressOf(socket.request))),
  )
}

/** The engine whose connections carry sessions (`limpet=1`). */
export function createLinkEngine(options: EngineOptions, events: LinkEvents): Engine {
  const engine = new Engine(options.slot, {
    wsEngine,
    transports: ['websocket', 'polling'],
    // A session moves between transports by a resume; engine.io's own upgrade can wedge a client for 45 s.
    allowUpgrades: false,
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: bufferSize(options.payloadBytes),
    pingInterval: options.pingIntervalMs,
    pingTimeout: options.pingTimeoutMs,
  })
  prepare(engine, options)
  engine.on('connection', (socket: EngineSocket) => {
    const { request } = socket
    const link = new EngineLink(
      socket,
      options.addressOf(request),
      options.segmentOf(request),
      request.headers,
      events,
      options.pingTimeoutMs,
    )
    // Kept for life otherwise: the whole first request.
    ;(socket as { request: unknown }).request = null
    events.linkOpened(link)
  })
  return engine
}

/**
 * The engine of raw connections: the application's own, with engine.io's usual behaviour. Its options may be changed
 * until it is settled.
 */
export function createRawEngine(options: EngineOptions): Engine {
  const engine = new Engine(options.slot, {
    wsEngine,
    maxHttpBufferSize: options.payloadBytes,
    pingInterval: options.pingIntervalMs,
    pingTimeout: options.pingTimeoutMs,
  })
  prepare(engine, options)
  engine.on('connection', endOnClose)
  return engine
}

/** On a WebSocket engine.io passes over a client's `close` packet, and waits for its next pong. */
function endOnClose(socket: EngineSocket): void {
  socket.on('packet', ({ type }: { type: string }) => {
    if (type === 'close') socket.close(true)
  })
}

/** Of `connection` on a raw engine: `prepare`'s, and `endOnClose`. */
const OWN_LISTENERS = 2

/** Whether the application takes raw connections. */
export function hasRawListeners(engine: EngineServer): boolean {
  return engine.listenerCount('connection') > OWN_LISTENERS
}

/** What is used of engine.io's transports beyond their types. */
interface RawTransport {
  readonly name: string
  readonly writable: boolean
  /** Polling: of the poll that waits. */
  readonly res?: ServerResponse | null
  readonly socket?: {
    terminate(): void
    pause(): void
    resume(): void
    once(event: 'close', call: () => void): void
    /** Null once it is closed. */
    readonly _socket: NetSocket | null
  }
  send(packets: { type: 'message'; data: Data }[]): void
  on(event: 'ready', call: () => void): void
}

/** How long an orderly WebSocket close may take before the socket is cut. */
const CLOSE_MS = 1000

class EngineLink implements Link {
  readonly transport: Transport
  readonly address: string
  readonly segment: string
  headers: IncomingHttpHeaders | null
  session: Session | null = null
  readonly #socket: EngineSocket
  readonly #raw: RawTransport
  /** engine.io's own queue: pings, and what was sent while the transport was busy. */
  get #queue(): { readonly writeBuffer: readonly unknown[] } {
    return this.#socket as unknown as { writeBuffer: unknown[] }
  }

  /** Polling only. */
  readonly #sender: NumberedSender | null
  /** Polling: what the client has not taken yet. It may poll again on another connection, and take nothing there. */
  #answer: ServerResponse | null = null
  readonly #events: LinkEvents
  readonly #stallMs: number
  /** The kernel has taken what was written. */
  readonly #taken = (): void => this.#ready()

  constructor(
    socket: EngineSocket,
    address: string,
    segment: string,
    headers: IncomingHttpHeaders,
    events: LinkEvents,
    stallMs: number,
  ) {
    this.#socket = socket
    this.#events = events
    this.#stallMs = stallMs
    this.#raw = socket.transport as unknown as RawTransport
    this.transport = this.#raw.name === 'websocket' ? 'websocket' : 'polling'
    this.address = address
    this.segment = segment
    this.headers = headers
    const polling = this.transport === 'polling'
    this.#sender = polling ? new NumberedSender() : null
    const receiver = polling ? new NumberedReceiver() : null
    socket.on('message', (data: Data | undefined) => this.#received(data ?? '', receiver))
    socket.once('close', (reason: string) => {
      if (reason !== 'forced close') this.terminate()
      events.linkClosed(this, reason)
    })
    this.#raw.on('ready', () => this.#ready())
  }

  #received(data: Data, receiver: NumberedReceiver | null): void {
    if (!receiver) return this.#events.linkFrame(this, data)
    const result = receiver.decode(data)
    if (result.ok) return this.#events.linkFrame(this, result.data)
    // A POST that came twice. Anything else means that a frame is missing: the session replays it on another link.
    if (result.reason !== 'repeat') this.terminate()
  }

  /** The kernel has taken the last write: of ours, and of engine.io. */
  get writable(): boolean {
    const { writable, socket } = this.#raw
    const taken = socket ? socket._socket?.writableLength === 0 : this.#answer === null
    return taken && writable && this.#socket.readyState === 'open' && this.#queue.writeBuffer.length === 0
  }

  send(frames: readonly (Data | Frame)[]): void {
    if (!this.#sender) return this.#write(encodeFrames(frames))
    const packets = frames.map((frame) => ({
      type: 'message' as const,
      data: this.#sender!.encode(frame instanceof Frame ? frame.data : frame),
    }))
    const { res } = this.#raw
    if (!this.writable || !res) for (const { data } of packets) this.#socket.send(data, { compress: false })
    else {
      this.#raw.send(packets)
      if (!res.writableFinished) this.#awaitTaken(res)
    }
  }

  /** Until then nothing more is written; and where nothing of it moves for a while it is cut off. */
  #awaitTaken(answer: ServerResponse): void {
    this.#answer = answer
    const { socket } = answer.req
    answer.setTimeout(this.#stallMs, () => socket.destroy())
    // Ahead of Node, which arms its own for the next request then.
    answer.prependOnceListener('finish', () => socket.setTimeout(0))
    answer.once('close', () => {
      this.#answer = null
      this.#ready()
    })
  }

  #ready(): void {
    if (this.writable) this.#events.linkWritable(this)
  }

  sendBundle(bundle: Bundle): void {
    if (this.#sender) this.send(bundle.frames())
    else this.#write(encodeBundle(bundle))
  }

  /** Whole frames, past engine.io and ws: neither has anything of its own on its way when the link is writable. */
  #write(encoded: Uint8Array): void {
    if (this.writable) {
      this.#raw.socket!._socket!.write(encoded, this.#taken)
      return
    }
    // Only what ends a link gets here while it is busy; it keeps its place behind engine.io's own packets.
    this.#socket.send('', { wsPreEncodedFrame: [encoded] } as unknown as { compress: boolean })
  }

  close(): void {
    const { socket } = this.#raw
    this.#socket.close()
    if (!socket) return
    // ws waits up to 30 s for the peer's close frame.
    const timer = setTimeout(() => socket.terminate(), CLOSE_MS)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
  }

  terminate(): void {
    this.#raw.socket?.terminate()
    this.#socket.close(true)
  }

  setReading(reading: boolean): void {
    // A poll cannot be paused; there a full backlog ends the link and the client replays.
    if (reading) this.#raw.socket?.resume()
    else this.#raw.socket?.pause()
  }
}
