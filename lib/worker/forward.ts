/**
 * Carries misplaced requests to the worker that owns their segment: a keep-alive connection may bring anybody's
 * (tabs of one browser share a pool, balancers reuse connections), and only its first request was placed.
 */
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { hasBody } from './connections.ts'

/** Carries the client's address, over the workers' unix sockets only: from TCP it is never believed. */
export const ADDRESS_HEADER = 'x-limpet-address'

export interface Destination {
  readonly slot: number
  readonly url: string
  /** Of the client. */
  readonly address: string
}

/** Idle connections between workers are closed from this side alone, so none is closed while a request enters it. */
const IDLE_MS = 30_000

/** Concern one connection, not the request. Framing headers are written anew, whatever `Connection` names. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'transfer-encoding',
]

/** Where a worker takes forwarded requests. */
export function httpSocketPath(directory: string, slot: number, generation: number): string {
  return join(directory, `http-${slot}-${generation}`)
}

export class Forwarder {
  // No bound on its sockets: a long poll holds one for as long as it lasts, and the request behind a full pool may
  // be the one that ends the poll. They are as many as the clients' own connections at most.
  readonly #agent = new Agent({ keepAlive: true, timeout: IDLE_MS })
  readonly #tunnels = new Set<Socket>()
  readonly #directory: string
  readonly #silentMs: number
  #generations: readonly number[] = []

  /** @param silentMs a tunnelled link that is silent this long, both ways, has lost its client or its owner */
  constructor(socketDirectory: string, silentMs: number) {
    this.#directory = socketDirectory
    this.#silentMs = silentMs
  }

  /** Index is the slot; 0: nobody holds it. Requests on their way to an earlier holder are left alone. */
  fleet(generations: readonly number[]): void {
    this.#generations = generations
  }

  /** @param unavailable nobody took it; never called once an answer has begun: that one is cut */
  request(to: Destination, req: IncomingMessage, res: ServerResponse, unavailable: () => void): void {
    const socketPath = this.#pathOf(to.slot)
    if (socketPath === null) {
      unavailable()
      return
    }
    const upstream = request({
      agent: this.#agent,
      socketPath,
      path: to.url,
      method: req.method ?? 'GET',
      headers: [...headersOf(req), ...framingOf(req), ADDRESS_HEADER, to.address],
    })
    upstream.on('response', (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headersOf(answer))
      // Destroys the one when the other breaks off.
      pipeline(answer, res, () => {
        if (req.complete) return
        // Answered before the body was read (413): the rest is of no use to the owner.
        req.unpipe(upstream)
        req.resume()
        upstream.destroy()
      })
    })
    // A client that has left is no fault of the owner.
    upstream.on('error', () => (res.headersSent || res.destroyed ? res.destroy() : unavailable()))
    res.once('close', () => {
      if (!res.writableFinished) upstream.destroy()
    })
    // Without a body nothing may be written: it would be taken for the next request.
    if (hasBody(req)) req.pipe(upstream)
    else upstream.end()
  }

  /**
   * Tunnels an upgrade, and all that follows, byte for byte.
   * @param unavailable nobody took it; never called once the owner took the connection
   * @param ended the owner has said all, the client has not ended its side
   */
  upgrade(
    to: Destination,
    req: IncomingMessage,
    socket: Socket,
    head: Uint8Array,
    unavailable: () => void,
    ended: () => void,
  ): void {
    const path = this.#pathOf(to.slot)
    if (path === null) {
      unavailable()
      return
    }
    const tunnel = connect({ path, allowHalfOpen: true })
    this.#tunnels.add(tunnel)
    tunnel.once('error', unavailable)
    tunnel.once('connect', () => {
      tunnel.off('error', unavailable)
      // What follows from an error follows from the close behind it.
      tunnel.on('error', () => {})
      tunnel.write(headOf(to, req), 'latin1')
      if (head.length > 0) tunnel.write(head)
      tunnel.pipe(socket)
      socket.pipe(tunnel)
      // While its client reads nothing the tunnel is not read either, and so its end is not seen.
      socket.setTimeout(this.#silentMs, () => socket.destroy())
      // pipe() carries an orderly end, each direction for itself, but no breaking off.
      tunnel.once('close', () => {
        if (!tunnel.readableEnded) socket.destroy()
      })
    })
    tunnel.once('end', () => {
      if (!socket.readableEnded) ended()
    })
    tunnel.once('close', () => this.#tunnels.delete(tunnel))
    socket.once('close', () => {
      if (!socket.readableEnded || !socket.writableFinished) tunnel.destroy()
    })
  }

  close(): void {
    this.#agent.destroy()
    for (const tunnel of this.#tunnels) tunnel.destroy()
  }

  #pathOf(slot: number): string | null {
    const generation = this.#generations[slot] ?? 0
    return generation === 0 ? null : httpSocketPath(this.#directory, slot, generation)
  }
}

/** As they came, in their order and number, but for those of one connection and the length of a request. */
function headersOf(message: IncomingMessage): string[] {
  const named = (message.headers.connection ?? '').toLowerCase().split(/[\s,]+/)
  const dropped = new Set([...HOP_BY_HOP, ADDRESS_HEADER, ...named])
  // A request's is written anew; a client that has it dropped by naming it in `Connection` would smuggle its body.
  if (message.method === null) dropped.delete('content-length')
  else dropped.add('content-length')
  const raw = message.rawHeaders
  return raw.filter((_, i) => !dropped.has((raw[i - (i % 2)] ?? '').toLowerCase()))
}

/** How the owner finds the end of the body: as this worker found it. */
function framingOf(req: IncomingMessage): string[] {
  if (req.headers['transfer-encoding'] !== undefined) return ['Transfer-Encoding', 'chunked']
  const length = req.headers['content-length']
  return length === undefined ? [] : ['Content-Length', length]
}

function headOf(to: Destination, req: IncomingMessage): string {
  const upgrade = ['Connection', 'Upgrade', 'Upgrade', req.headers.upgrade ?? '']
  const fields = [...headersOf(req), ...upgrade, ADDRESS_HEADER, to.address]
  const lines = fields.map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`))
  return `${req.method} ${to.url} HTTP/1.1\r\n${lines.join('')}\r\n`
}
