/** The only import of engine.io's code: its servers, of the links of sessions and of the application's raw connections. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import {
  Server as EngineServer,
  type Socket as EngineSocket,
  type ErrorCallback,
  type ServerOptions,
} from 'engine.io'
import type { PerAddress } from '../addresses.ts'
import { EngineLink } from './engine-link.ts'
import type { LinkEvents } from './link.ts'

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

/**
 * Our own ws: the one engine.io brings queues a pong for every ping of a client that does not read. Not imported: its
 * ES modules take a fifth of a worker's start.
 */
const { WebSocketServer: wsEngine } = createRequire(import.meta.url)('ws') as typeof import('ws')

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
   * engine.io's stand-in for a response is there for middlewares; where there are none it would only keep the whole
   * request, some 4 kB, for as long as the link lives.
   */
  override handleUpgrade(req: EngineRequest, socket: Duplex, head: Buffer): void {
    const before = socket.listenerCount('close')
    super.handleUpgrade(req, socket, head)
    const standIn = socket.listeners('close')[before]
    // ws's own has a name.
    if (this.middlewares.length === 0 && standIn?.name === '')
      socket.off('close', standIn as (...args: unknown[]) => void)
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
