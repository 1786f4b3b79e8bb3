/** Several workers' HTTP edges in one process, behind a front that gives every connection to the edge of its choice. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Test } from 'tap'
import { PerAddress } from '../../lib/addresses.ts'
import { placeSegment } from '../../lib/placement.ts'
import type { EdgeOptions, EngineHandler } from '../../lib/worker/edge.ts'
import { createEdge, type Edge } from '../../lib/worker/http.ts'
import { originOf } from '../../lib/worker/origin.ts'
import type { RawResponse } from './responses.ts'

export const KEY = Buffer.alloc(32, 9)

/** What an echo engine answers as JSON. */
export interface Echo {
  readonly slot: number
  readonly engine: string
  readonly method: string
  readonly url: string
  readonly segment: string
  readonly address: string
  readonly headers: Record<string, string>
  readonly bytes: number
}

/**
 * Answers who got the request. `hang=1` keeps it in `held`, `throw=1` throws, `size=n` sends n bytes back. An upgrade
 * gets 101 and `first` in one write, and all it sends back; with `throw=1` a throw.
 */
export class EchoEngine implements EngineHandler {
  readonly opts: { maxHttpBufferSize: number }
  readonly held: { readonly req: IncomingMessage; readonly res: ServerResponse }[] = []
  readonly upgraded: Socket[] = []
  listeners = true
  readonly #slot: number
  readonly #name: string

  constructor(slot: number, name: string, maxHttpBufferSize = 1 << 24) {
    this.#slot = slot
    this.#name = name
    this.opts = { maxHttpBufferSize }
  }

  hasListeners(): boolean {
    return this.listeners
  }

  handleRequest(req: IncomingMessage, res: ServerResponse): void {
    const query = new URL(req.url ?? '', 'http://x').searchParams
    if (query.has('throw')) throw new Error('a handler that throws')
    if (query.has('hang')) {
      this.held.push({ req, res })
      return
    }
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    req.on('end', () => {
      const size = query.get('size')
      if (size === null) res.end(JSON.stringify(this.#echo(req, bytes)))
      else res.end(Buffer.alloc(Number(size), 120))
    })
  }

  handleUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const query = new URL(req.url ?? '', 'http://x').searchParams
    if (query.has('throw')) throw new Error('a handler that throws')
    this.upgraded.push(socket)
    const first = query.get('first') ?? `${this.#slot} ${originOf(req).segment};`
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n${first}`,
    )
    if (head.length > 0) socket.write(head)
    socket.pipe(socket)
  }

  #echo(req: IncomingMessage, bytes: number): Echo {
    return {
      slot: this.#slot,
      engine: this.#name,
      method: req.method ?? '',
      url: req.url ?? '',
      ...originOf(req),
      headers: req.headers as Record<string, string>,
      bytes,
    }
  }
}

export interface Worker {
  readonly edge: Edge
  readonly links: EchoEngine
  readonly raw: EchoEngine
  /** Of the front that gives all its connections to this one. */
  readonly port: number
}

export interface Edges {
  readonly workers: readonly Worker[]
  readonly directory: string
  /** Lines of level error. */
  readonly errors: string[]
  /** Other lines: what was refused. */
  readonly refusals: string[]
  /** The `index`th segment that belongs to `slot`. */
  segment(slot: number, index?: number): string
  close(): Promise<void>
}

type Overrides = Partial<EdgeOptions> & { readonly engines?: (slot: number) => Partial<EdgeOptions> }

export async function startEdges(count: number, { engines, ...overrides }: Overrides = {}): Promise<Edges> {
  const directory = await mkdtemp(join(tmpdir(), 'limpet-'))
  const errors: string[] = []
  const refusals: string[] = []
  const write = (line: string): unknown => (/"level":20\b/.test(line) ? refusals : errors).push(line)
  const log = pino({ level: 'debug' }, { write })
  const workers: Worker[] = []
  const fronts: ReturnType<typeof createServer>[] = []
  for (let slot = 0; slot < count; slot++) {
    const [links, raw] = [new EchoEngine(slot, 'links'), new EchoEngine(slot, 'raw')]
    const edge = createEdge({
      path: '/api/',
      origin: 'same',
      trustProxy: 'none',
      slot,
      workers: count,
      generation: slot + 1,
      placementKey: KEY,
      socketDirectory: directory,
      headMs: 5000,
      headBytes: 16_384,
      connections: new PerAddress(0),
      links,
      raw,
      pages: () => false,
      log,
      ...overrides,
      ...engines?.(slot),
    })
    await edge.listen()
    const front = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => edge.adopt(socket)).listen(
      0,
      '127.0.0.1',
    )
    await once(front, 'listening')
    fronts.push(front)
    workers.push({ edge, links, raw, port: (front.address() as AddressInfo).port })
  }
  for (const { edge } of workers) edge.fleet(workers.map((_, slot) => slot + 1))
  return {
    workers,
    directory,
    errors,
    refusals,
    segment: (slot, index = 0) => segmentsOf(slot, count)[index] as string,
    async close() {
      for (const front of fronts) front.close()
      await Promise.all(workers.map(({ edge }) => edge.close()))
      await rm(directory, { recursive: true })
    },
  }
}

function segmentsOf(slot: number, workers: number): string[] {
  return Array.from({ length: 500 }, (_, i) => `segment-${i}`).filter(
    (segment) => placeSegment(KEY, segment, workers) === slot,
  )
}

/** An answer of limpet itself. */
export function isSentence(t: Test, response: RawResponse, status: number, about: string): void {
  t.equal(response.status, status, about)
  t.match(response.body.toString(), /^[A-Z][^\n]*\.$/, `${about}: one sentence`)
  t.match(response.headers['content-type'], /^text\/plain/, about)
}
