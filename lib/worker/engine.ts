/** The only import of engine.io's code: its servers, of the links of sessions and of the application's raw connections. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  Server as EngineServer,
  type Socket as EngineSocket,
  type ErrorCallback,
  type ServerOptions,
} from 'engine.io'
import type { PerAddress } from '../addresses.ts'
import type { LinkEvents } from './link.ts'
import { PollingLink } from './polling-link.ts'
import { WebSocketLinks } from './websocket-links.ts'
import { WebSocketServer as wsEngine } from './ws.ts'

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

/**
 * The engine whose connections carry sessions (`limpet=1`). engine.io has those that poll, and refuses what is no
 * handshake; WebSockets are opened past it.
 */
class LinkEngine extends Engine {
  readonly #webSockets: WebSocketLinks

  constructor(options: EngineOptions, events: LinkEvents) {
    const maxHttpBufferSize = bufferSize(options.payloadBytes)
    super(options.slot, {
      wsEngine,
      transports: ['websocket', 'polling'],
      // A session moves between transports by a resume; engine.io's own upgrade can wedge a client for 45 s.
      allowUpgrades: false,
      perMessageDeflate: false,
      httpCompression: false,
      maxHttpBufferSize,
      pingInterval: options.pingIntervalMs,
      pingTimeout: options.pingTimeoutMs,
    })
    this.#webSockets = new WebSocketLinks(options, events, maxHttpBufferSize)
    prepare(this, options)
    this.on('connection', (socket: EngineSocket) => {
      const { request } = socket
      const [address, segment] = [options.addressOf(request), options.segmentOf(request)]
      const link = new PollingLink(socket, address, segment, request.headers, events, options.pingTimeoutMs)
      // Kept for life otherwise: the whole first request.
      ;(socket as { request: unknown }).request = null
      events.linkOpened(link)
    })
  }

  override handleUpgrade(req: EngineRequest, socket: Duplex, head: Buffer): void {
    const { EIO, transport, sid } = req._query
    if (EIO === '4' && transport === 'websocket' && sid === undefined && req.method === 'GET')
      this.#webSockets.handleUpgrade(req, socket as Socket, head)
    else super.handleUpgrade(req, socket, head)
  }

  override close(): this {
    this.#webSockets.close()
    return super.close() as this
  }
}

export function createLinkEngine(options: EngineOptions, events: LinkEvents): LinkEngine {
  return new LinkEngine(options, events)
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
