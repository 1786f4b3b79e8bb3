/** An engine of links behind an HTTP server, and what becomes of its links. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import { PerAddress } from '../../lib/addresses.ts'
import { createLinkEngine } from '../../lib/worker/engine.ts'
import type { Link } from '../../lib/worker/link.ts'
import { type RawConnection, rawConnect } from './raw.ts'

/** Far more than the kernel takes for a connection that is not read. */
export const LARGE = 8 * 1024 * 1024

export interface LinkRig {
  readonly port: number
  readonly links: Link[]
  /** What happened to links, in order. */
  readonly seen: string[]
  /** Bytes that wait in this process to be written, over all connections. */
  queued(): number
  open(): number
  /** Connections whose other side was heard to the end. */
  heard: number
  /** Requests that came. */
  requests: number
  /** Of the last upgrade. */
  upgrade: WeakRef<object> | null
}

/** Bytes that the kernel has not taken: by the stream's account, or past it. */
function waiting(socket: Socket): number {
  const { _handle } = socket as unknown as { readonly _handle: { readonly writeQueueSize: number } | null }
  return Math.max(socket.writableLength, _handle?.writeQueueSize ?? 0)
}

export async function linkRig(t: Test, pingTimeoutMs = 20_000, pingIntervalMs = 25_000): Promise<LinkRig> {
  const links: Link[] = []
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const engine = createLinkEngine(
    {
      slot: 0,
      payloadBytes: LARGE,
      pingIntervalMs,
      pingTimeoutMs,
      addressOf: () => '127.0.0.1',
      segmentOf: () => 'segment',
      connections: new PerAddress(0),
      refused: (reason) => seen.push(`refused ${reason}`),
    },
    {
      linkOpened: (link) => links.push(link),
      linkFrame: (_link, data) => seen.push(`frame ${data}`),
      linkWritable: () => seen.push('writable'),
      linkClosed: (_link, reason) => seen.push(`closed ${reason}`),
    },
  )
  const server = createServer((req, res) => {
    made.requests += 1
    engine.handleRequest(req as never, res as never)
  })
  server.on('upgrade', (req, socket, head) => {
    made.upgrade = new WeakRef(req)
    const { searchParams } = new URL(req.url!, 'http://localhost')
    Object.assign(req, { _query: Object.fromEntries(searchParams) })
    engine.handleUpgrade(req as never, socket as never, head)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    // As `Connections`: Node takes its own listener off at an upgrade.
    socket.on('error', () => {})
    socket.once('end', () => {
      made.heard += 1
    })
    socket.once('close', () => sockets.delete(socket))
  })
  // As between workers: Node does not arm a deadline of its own for the next request.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    engine.close()
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  const queued = (): number => [...sockets].reduce((sum, socket) => sum + waiting(socket), 0)
  const { port } = server.address() as AddressInfo
  const made: LinkRig = {
    port,
    links,
    seen,
    queued,
    open: () => sockets.size,
    requests: 0,
    heard: 0,
    upgrade: null,
  }
  return made
}

export async function connection(t: Test, { port }: LinkRig): Promise<RawConnection> {
  const made = await rawConnect(port)
  t.teardown(() => made.destroy())
  return made
}
