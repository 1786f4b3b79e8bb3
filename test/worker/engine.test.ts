/** Links of engine.io with clients that do not read: what they cannot take waits where it is counted. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import { PerAddress } from '../../lib/addresses.ts'
import { createLinkEngine } from '../../lib/worker/engine.ts'
import type { Link } from '../../lib/worker/link.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { type RawConnection, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import { pause, until } from '../support/until.ts'

const KB = 1024
const PAGE = 256 * KB
/** Far more than the kernel takes for a connection that is not read. */
const LARGE = 8 * 1024 * KB

interface Rig {
  readonly port: number
  readonly links: Link[]
  /** What happened to links, in order. */
  readonly seen: string[]
  /** Bytes that wait in this process to be written, over all connections. */
  queued(): number
  open(): number
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

async function rig(t: Test, pingTimeoutMs = 20_000): Promise<Rig> {
  const links: Link[] = []
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const engine = createLinkEngine(
    {
      slot: 0,
      payloadBytes: LARGE,
      pingIntervalMs: 25_000,
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
  const made: Rig = { port, links, seen, queued, open: () => sockets.size, requests: 0, upgrade: null }
  return made
}

async function connection(t: Test, { port }: Rig): Promise<RawConnection> {
  const made = await rawConnect(port)
  t.teardown(() => made.destroy())
  return made
}

/** A WebSocket link whose client reads no more. */
async function stopped(t: Test, of: Rig): Promise<{ link: Link; client: RawConnection }> {
  const client = await connection(t, of)
  client.write(upgradeRequest('/?EIO=4&transport=websocket&limpet=1'))
  await client.response()
  await client.frame()
  client.socket.pause()
  return { link: of.links.at(-1)!, client }
}

/** Whenever the link can take a page it gets one, until it takes none for a while. */
async function fill(link: Link, of: Rig): Promise<{ pages: number; most: number }> {
  let pages = 0
  let most = 0
  for (let idle = 0; idle < 20; idle++) {
    for (; link.writable; idle = 0) {
      link.send([`e${String(pages++).padEnd(PAGE - 1)}`])
      most = Math.max(most, of.queued())
    }
    await pause(5)
  }
  return { pages, most }
}

t.test('WebSocket: a link keeps nothing of its request', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const of = await rig(t)
  const { link, client } = await stopped(t, of)
  link.headers = null
  await until(() => {
    collect()
    return of.upgrade!.deref() === undefined
  })
  client.socket.resume()
  link.send(['e1'])
  t.equal(String((await client.frame()).payload), '4e1', 'and it works')
  client.destroy()
  await until(() => of.seen.some((what) => what.startsWith('closed')))
})

t.test(
  'WebSocket: one page waits in the socket, and the next goes when the client has read on',
  async (t) => {
    const of = await rig(t)
    const { link, client } = await stopped(t, of)
    const { pages, most } = await fill(link, of)
    t.ok(of.queued() > 0 && most < PAGE + KB, `${most} bytes waited at most`)
    t.notOk(link.writable)
    of.seen.length = 0
    client.socket.resume()
    for (let n = 0; n < pages; n++) {
      const { payload } = await client.frame()
      t.equal(payload.subarray(0, 8).toString().trim(), `4e${n}`)
    }
    await until(() => link.writable)
    t.same(of.seen, ['writable'])
  },
)

t.test('WebSocket: pings of a client that does not read its pongs are not answered for ever', async (t) => {
  const of = await rig(t)
  const { link, client } = await stopped(t, of)
  await fill(link, of)
  let most = of.queued()
  await until(() => {
    for (let n = 0; n < 100; n++) client.sendFrame('x'.repeat(100), 9)
    most = Math.max(most, of.queued())
    return of.seen.includes('closed transport close')
  })
  t.ok(most < PAGE + 16 * KB, `${most} bytes waited at most`)
})

interface Polling {
  readonly link: Link
  readonly client: RawConnection
  readonly poll: string
}

async function polling(t: Test, of: Rig): Promise<Polling> {
  const client = await connection(t, of)
  const path = '/?EIO=4&transport=polling&limpet=1'
  client.write(request(path))
  const { body } = await client.response()
  const { sid } = JSON.parse(String(body).slice(1)) as { sid: string }
  return { link: of.links.at(-1)!, client, poll: request(`${path}&sid=${sid}`) }
}

/** A client that polls, and does not read the answer, which is larger than the kernel takes. */
async function unread(t: Test, of: Rig, { link, poll }: Polling): Promise<Socket> {
  const socket = connect(of.port, '127.0.0.1').pause()
  t.teardown(() => socket.destroy())
  socket.write(poll)
  await until(() => link.writable)
  link.send([`e${'x'.repeat(LARGE)}`])
  await until(() => of.queued() > 0)
  return socket
}

t.test('polling: the next answer goes when the last one was taken', async (t) => {
  const of = await rig(t, 1000)
  const peer = await polling(t, of)
  const { link, client, poll } = peer
  const socket = await unread(t, of, peer)
  of.seen.length = 0
  client.write(poll)
  await until(() => of.requests === 3)
  t.notOk(link.writable, 'the poll waits')
  let tail = ''
  socket.on('data', (chunk) => {
    tail = chunk.subarray(-5).toString()
  })
  socket.resume()
  await until(() => link.writable)
  t.same(of.seen, ['writable'])
  link.send(['e2'])
  t.equal(String((await client.response()).body), '42:e2')
  await until(() => socket.bytesRead > LARGE)
  // Its deadline ended with the answer, and the connection did not.
  await pause(1100)
  socket.write(poll)
  await until(() => link.writable)
  link.send(['e3'])
  await until(() => tail === '43:e3')
})

t.test('polling: an answer of which nothing is taken is cut off', async (t) => {
  const of = await rig(t, 200)
  await unread(t, of, await polling(t, of))
  await until(() => of.open() === 1)
  t.equal(of.queued(), 0)
})

nothingLeft(t)
