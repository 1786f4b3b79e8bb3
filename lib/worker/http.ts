/**
 * The worker's HTTP edge. Connections come from the primary, placed by their first request only; so every request and
 * every upgrade is looked at here, and what another worker owns is forwarded to it (forward.ts).
 */
import { rm } from 'node:fs/promises'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { placeSegment } from '../placement.ts'
import { Proxies } from '../proxies.ts'
import { answer } from './answer.ts'
import { Connections } from './connections.ts'
import type { EdgeCounters, EdgeOptions, EngineHandler } from './edge.ts'
import { ADDRESS_HEADER, type Destination, Forwarder, httpSocketPath } from './forward.ts'
import { Gate } from './gate.ts'
import { createHttpServer, type Exchange } from './http-server.ts'
import { setOrigin } from './origin.ts'
import { limitPackets, PACKETS_MAX } from './packets.ts'
import { type Place, type RequestTarget, requestTargetOf } from './request-target.ts'

const TOO_MANY_PACKETS = `The body holds more than ${PACKETS_MAX} packets.`
/** The default ping interval and timeout: a link that is silent longer is lost. */
const BODY_MS = 45_000
/** Node's own limit for a whole request, on servers that listen: a page may take an upload. */
const PAGE_BODY_MS = 300_000
/** What a forwarder adds to a head. */
const FORWARDED_BYTES = 1024
/** Behind a full backlog a unix socket does not wait, it fails. */
const BACKLOG = 4096

class Edge {
  readonly counters: EdgeCounters = { requests: 0, forwarded: 0, misplacedRefused: 0 }
  readonly #options: EdgeOptions
  /** Never listens: its connections come from the primary. */
  readonly #public: Server
  readonly #peers: Server
  readonly #connections: Connections
  readonly #forwarder: Forwarder
  readonly #gate: Gate
  readonly #proxies: Proxies
  #closed = false
  readonly #misused = (error: Error): void =>
    this.#options.log.error({ err: error }, 'a request handler misused its response')

  constructor(options: EdgeOptions) {
    this.#options = options
    const { headBytes, headMs, keepAliveMs = 5000, silentMs = BODY_MS } = options
    this.#connections = new Connections(keepAliveMs, headMs)
    this.#forwarder = new Forwarder(options.socketDirectory, silentMs)
    this.#proxies = new Proxies(options.trustProxy)
    this.#gate = new Gate(options.origin, options.connections, options.handshakesPerAddress)
    this.#public = this.#serve(false, headBytes, keepAliveMs)
    // No deadline here: an idle connection that this side closes may carry a request by then.
    this.#peers = this.#serve(true, headBytes + FORWARDED_BYTES, 0)
    this.#peers.on('connection', (socket) => this.#connections.add(socket, false))
  }

  /** Sockets open, of clients and of other workers. */
  get sockets(): number {
    return this.#connections.size
  }

  /**
   * Takes a client's connection, with the bytes read so far put back into it.
   * @param address where a proxy has said it; default the socket's
   */
  adopt(socket: Socket, address: string | null = null): void {
    if (this.#closed) {
      socket.destroy()
      return
    }
    this.#connections.add(socket, true, address)
    this.#public.emit('connection', socket)
  }

  /** @param generations which process holds each slot; index is the slot, 0 means none */
  fleet(generations: readonly number[]): void {
    this.#forwarder.fleet(generations)
  }

  /** Takes forwarded requests from now on. */
  async listen(): Promise<void> {
    const { socketDirectory, slot, generation } = this.#options
    const path = httpSocketPath(socketDirectory, slot, generation)
    // Of a process that was killed.
    await rm(path, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.#peers.once('error', reject)
      // In a cluster worker a plain listen would make the primary hold the socket and hand every connection over.
      this.#peers.listen({ path, exclusive: true, backlog: BACKLOG }, () => {
        this.#peers.off('error', reject)
        resolve()
      })
    })
  }

  /** Ends all connections behind what was written to them. Links should be closed before. */
  async close(): Promise<void> {
    this.#closed = true
    const closed = new Promise<void>((resolve) => this.#peers.close(() => resolve()))
    await this.#connections.close()
    this.#forwarder.close()
    await closed
  }

  #serve(fromPeer: boolean, maxHeaderSize: number, keepAliveTimeout: number): Server {
    return createHttpServer({ maxHeaderSize, keepAliveTimeout }, this.#connections, {
      take: (exchange) => this.#take(exchange, fromPeer),
      meet: (req, res) => this.#connections.request(req, res, PAGE_BODY_MS, true),
      refused: (status, sentence) => this.#options.log.debug({ status }, sentence),
    })
  }

  #take(exchange: Exchange, fromPeer: boolean): void {
    const { req } = exchange
    const { path, bodyMs = BODY_MS } = this.#options
    const target = requestTargetOf(req.url ?? '', path)
    const held =
      exchange.kind === 'upgrade'
        ? this.#connections.upgrade(exchange.socket)
        : target.kind === 'link'
          ? this.#connections.request(req, exchange.res, bodyMs, !isPoll(req, target))
          : this.#connections.request(req, exchange.res, PAGE_BODY_MS, false)
    if (!held) {
      req.socket.destroy()
      return
    }
    this.counters.requests++
    // A handler that writes behind its own end(): without a listener that would end the worker.
    if (exchange.kind === 'request') exchange.res.on('error', this.#misused)
    const { [ADDRESS_HEADER]: forwarded, 'x-forwarded-for': chain } = req.headers
    const address = fromPeer
      ? String(forwarded ?? '')
      : this.#proxies.clientOf(this.#connections.addressOf(req.socket), chain?.toString())
    delete req.headers[ADDRESS_HEADER]
    setOrigin(req, { address, segment: target.kind === 'link' ? target.segment : '' })
    try {
      if (!fromPeer && req.httpVersion === '1.1' && req.headers.host === undefined)
        this.#refuse(exchange, 400, 'The Host header is missing.')
      else if (target.kind === 'link') this.#link(exchange, target, address, fromPeer)
      else this.#other(exchange, target)
    } catch (error) {
      this.#failed(exchange, error)
    }
  }

  #other(exchange: Exchange, target: Exclude<RequestTarget, Place>): void {
    if (target.kind === 'bad') this.#refuse(exchange, 400, target.reason)
    else if (target.kind === 'unknown' || exchange.kind === 'upgrade')
      this.#refuse(exchange, 404, 'There is nothing here.')
    else void this.#page(exchange)
  }

  async #page(exchange: Exchange & { kind: 'request' }): Promise<void> {
    try {
      const taken = await this.#options.pages(exchange.req, exchange.res)
      if (taken === false) this.#refuse(exchange, 404, 'There is nothing here.')
    } catch (error) {
      this.#failed(exchange, error)
    }
  }

  #link(exchange: Exchange, place: Place, address: string, fromPeer: boolean): void {
    const { req } = exchange
    const { maxHttpBufferSize: limit = Number.POSITIVE_INFINITY, cors } = this.#engineOf(place).opts
    const refusal =
      (cors ? null : this.#gate.origin(req)) ?? this.#gate.refusal(req, exchange.kind === 'upgrade', limit)
    if (refusal) return this.#refuse(exchange, refusal.status, refusal.sentence)
    // A browser's question before a request: whoever got it knows the answer.
    if (exchange.kind === 'request' && req.method === 'OPTIONS' && !cors) {
      exchange.res.writeHead(204, this.#gate.headers(req)).end()
      return
    }
    const owner = this.#ownerOf(place)
    if (owner === this.#options.slot) this.#own(exchange, place, address)
    else if (fromPeer) {
      this.counters.misplacedRefused++
      this.#refuse(exchange, 503, 'This request was forwarded to a worker that does not own its segment.')
    } else this.#forward(exchange, { slot: owner, url: place.url, address })
  }

  #forward(exchange: Exchange, to: Destination): void {
    this.counters.forwarded++
    const { req } = exchange
    const unavailable = (): void =>
      this.#refuse(exchange, 503, 'The worker of this segment is not available.')
    if (exchange.kind === 'request') {
      this.#forwarder.request(to, req, exchange.res, unavailable)
      return
    }
    const { socket, head } = exchange
    this.#forwarder.upgrade(to, req, socket, head, unavailable, () => this.#connections.ending(socket))
  }

  #ownerOf({ segment, slot }: Place): number {
    const { placementKey, workers, slot: own } = this.#options
    if (segment !== '') return placeSegment(placementKey, segment, workers)
    // A slot that no worker has ever held: engine.io knows no such sid, and says so.
    return slot === null || slot >= workers ? own : slot
  }

  #engineOf({ query }: Place): EngineHandler {
    return query.limpet === '1' ? this.#options.links : this.#options.raw
  }

  #own(exchange: Exchange, place: Place, address: string): void {
    const { raw } = this.#options
    const engine = this.#engineOf(place)
    if (engine === raw && !raw.hasListeners())
      return this.#refuse(exchange, 400, 'This server takes no raw connections.')
    const crowded = !place.query.sid ? this.#gate.crowded(address) : null
    if (crowded) return this.#refuse(exchange, crowded.status, crowded.sentence)
    const req = exchange.req as IncomingMessage & { _query: Place['query'] }
    req.url = place.url
    // engine.io takes it from here instead of parsing the URL once more.
    req._query = place.query
    if (exchange.kind === 'request') {
      const { res } = exchange
      if (!engine.opts.cors)
        for (const [name, value] of Object.entries(this.#gate.headers(req))) res.setHeader(name, value)
      if (req.method === 'POST') limitPackets(req, () => this.#refuse(exchange, 413, TOO_MANY_PACKETS))
      engine.handleRequest(req, res)
    } else engine.handleUpgrade(req, exchange.socket, exchange.head)
  }

  #refuse(exchange: Exchange, status: number, sentence: string): void {
    this.#options.log.debug({ status }, sentence)
    this.#answer(exchange, status, sentence)
  }

  #answer(exchange: Exchange, status: number, sentence: string): void {
    if (exchange.kind === 'request') answer(exchange.res, status, sentence)
    else this.#connections.refuse(exchange.socket, status, sentence)
  }

  #failed(exchange: Exchange, error: unknown): void {
    this.#options.log.error({ err: error }, 'a request handler failed')
    this.#answer(exchange, 500, 'The server failed to handle this request.')
  }
}

/** Waits until there is something to say. */
function isPoll(req: IncomingMessage, { query }: Place): boolean {
  return req.method === 'GET' && query.sid !== undefined
}

export type { Edge }

export function createEdge(options: EdgeOptions): Edge {
  return new Edge(options)
}
