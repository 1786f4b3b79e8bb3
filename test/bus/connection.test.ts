import { createServer, connect as dial, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  type BusHello,
  EnvelopeReader,
  encodeAsk,
  encodeBusHello,
  encodeReceived,
} from '../../lib/bus/envelope.ts'
import { socketDirectory } from '../support/mesh-fleet.ts'
import { type MeshWorker, startMeshWorker } from '../support/mesh-worker.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { seeded } from '../support/seed.ts'
import { until } from '../support/until.ts'

const HELLO: BusHello = {
  slot: 0,
  generation: 1,
  attempt: 1,
  epoch: 'by hand',
  about: '',
  taken: 0,
  check: 0,
  received: 0,
}
let attempts = 1
/** Of another connection of the same process. */
function next(lies: Partial<BusHello> = {}): BusHello {
  attempts += 1
  return { ...HELLO, attempt: attempts, ...lies }
}
const ITEM = Uint8Array.of(0, 0, 0, 3, 2, 104, 105)

interface Peer {
  readonly socket: Socket
  ended: boolean
  bytes: number
}

function connect(path: string): Peer {
  const socket = dial(path)
  const peer = { socket, ended: false, bytes: 0 }
  socket.on('data', (chunk: Buffer) => {
    peer.bytes += chunk.length
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    peer.ended = true
  })
  return peer
}

async function answerTo(path: string, hello: BusHello): Promise<BusHello> {
  const reader = new EnvelopeReader(1000)
  const socket = dial(path)
  socket.write(encodeBusHello(hello))
  for await (const chunk of socket) {
    reader.push(chunk as Buffer)
    const envelope = reader.next()
    if (envelope?.type === 'hello') return envelope.hello
  }
  throw new Error('no hello')
}

async function worker(t: Test): Promise<{ worker: MeshWorker; path: string }> {
  const directory = socketDirectory(t)
  const worker = await startMeshWorker({ slot: 1, directory, frameBytes: 1000 })
  t.teardown(() => worker.bus.close())
  return { worker, path: join(directory, 'bus-1-1') }
}

t.test('malformed bytes end the connection with one line, and nothing else', async (t) => {
  const { worker: b, path } = await worker(t)
  const hello = (): Uint8Array => encodeBusHello(next())
  const foreign = Uint8Array.from(hello())
  foreign[5] = 2
  const cases: Record<string, Uint8Array[]> = {
    'another protocol': [Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    'another version': [foreign],
    'no hello': [ITEM],
    'a slot that does not dial this one': [encodeBusHello({ ...HELLO, slot: 1 })],
    'hello twice': [hello(), hello()],
    'an unknown type': [hello(), Uint8Array.of(0, 0, 0, 1, 9)],
    'an empty frame': [hello(), Uint8Array.of(0, 0, 0, 0)],
    'a frame past the limit': [hello(), Uint8Array.of(0, 0, 4, 0, 2)],
    'more received than was sent': [hello(), encodeReceived(5)],
    'a count that is none': [hello(), Uint8Array.of(0, 0, 0, 2, 3, 0x80)],
  }
  for (const [name, parts] of Object.entries(cases)) {
    const { lines } = b.log
    lines.length = 0
    const peer = connect(path)
    for (const part of parts) peer.socket.write(part)
    await until(() => peer.ended, 5000, name)
    t.equal(lines.length, 1, `${name}: ${JSON.stringify(lines)}`)
  }
  t.strictSame(b.resets, [])
  const good = connect(path)
  good.socket.write(Buffer.concat([hello(), ITEM]))
  await until(() => b.logOf(0).length === 1)
  t.strictSame(b.logOf(0), ['hi'], 'the worker is as it was')
  good.socket.destroy()
})

t.test('random bytes behind a hello', async (t) => {
  const random = seeded(t)
  const { worker: b, path } = await worker(t)
  for (let run = 0; run < 50; run++) {
    const peer = connect(path)
    peer.socket.write(encodeBusHello(next()))
    peer.socket.write(Uint8Array.of(0, 0, 0, random.int(1, 40), random.int(1, 5), ...random.bytes(200)))
    peer.socket.end(random.bytes(2000))
    await until(() => peer.ended)
  }
  await until(() => b.bus.figures.peersConnected === 0)
  t.pass('alive')
})

t.test('a newer connection of the same process fences the older', async (t) => {
  const { worker: b, path } = await worker(t)
  const older = connect(path)
  older.socket.write(encodeBusHello(HELLO))
  await until(() => older.bytes > 0)
  const newer = connect(path)
  newer.socket.write(encodeBusHello(next({ about: 'epoch of 1 in 1' })))
  await until(() => older.ended && newer.bytes > 0)
  newer.socket.write(ITEM)
  await until(() => b.logOf(0).length === 1)
  t.equal(b.bus.figures.peersConnected, 1)
  const stale = connect(path)
  stale.socket.write(encodeBusHello(next({ generation: 0 })))
  await until(() => stale.ended)
  t.equal(b.bus.figures.peersConnected, 1, 'an older process changes nothing')
  const late = connect(path)
  late.socket.write(encodeBusHello(HELLO))
  await until(() => late.ended)
  t.equal(b.bus.figures.peersConnected, 1, 'nor does an older connection that comes late')
  t.strictSame([...b.resets, ...b.log.lines], [])
  newer.socket.destroy()
})

t.test('a hello says what is taken and, apart, what is committed', async (t) => {
  const { worker: b, path } = await worker(t)
  b.commitAfter = () => 60_000
  const first = connect(path)
  first.socket.write(Buffer.concat([encodeBusHello(HELLO), ITEM, ITEM]))
  await until(() => b.logOf(0).length === 2)
  const hello = next({ about: 'epoch of 1 in 1' })
  const taken = await answerTo(path, hello)
  t.match(taken, {
    slot: 1,
    generation: 1,
    epoch: 'epoch of 1 in 1',
    about: 'by hand',
    taken: 2,
    received: 0,
  })
  b.commitNow()
  t.match(await answerTo(path, next({ about: 'epoch of 1 in 1' })), { taken: 2, received: 2 })
  t.equal(b.logOf(0).length, 2)
})

t.test('counts that do not fit: both begin again', async (t) => {
  const directory = socketDirectory(t)
  const [a, b] = await Promise.all([
    startMeshWorker({ slot: 0, directory, epoch: 'a' }),
    startMeshWorker({ slot: 1, directory, epoch: 'b' }),
  ])
  a.bus.fleet([1, 1])
  a.send(1, 'one')
  await until(() => a.outbox(1).base === 1)
  await a.bus.close()
  // The same memory by name, but it has lost a commit that it had told.
  const liar = await startMeshWorker({ slot: 0, directory, generation: 2, epoch: 'a', durable: true })
  liar.peer(1).epoch = 'b'
  liar.bus.fleet([2, 1])
  await until(() => b.resets.length === 1 && liar.bus.figures.peersConnected === 1)
  liar.send(1, 'anew')
  b.send(0, 'anew')
  await until(() => b.logOf(0).length === 1 && liar.logOf(1).length === 1)
  t.strictSame(b.logOf(0), ['anew'])
  t.strictSame(liar.logOf(1), ['anew'])
  t.equal(b.resets.length, 1)
  await Promise.all([liar.bus.close(), b.bus.close()])
})

t.test('a dialled end that answers for somebody else, or not at all', async (t) => {
  const directory = socketDirectory(t)
  const sockets = new Set<Socket>()
  let answer: Uint8Array = encodeBusHello({ ...HELLO, slot: 2 })
  let dialled = 0
  const server = createServer((socket) => {
    dialled += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.resume()
    socket.write(answer)
  })
  await new Promise<void>((resolve) => server.listen(join(directory, 'bus-1-1'), resolve))
  const a = await startMeshWorker({ slot: 0, directory, helloTimeoutMs: 300 })
  a.bus.fleet([1, 1])
  await until(() => a.log.lines.length === 1, 5000, 'one line')
  answer = encodeAsk(1, Uint8Array.of(1))
  await until(() => a.log.lines.length === 2, 5000, 'dialled again after a while')
  t.equal(dialled, 2)
  t.equal(a.bus.figures.peersConnected, 0)
  answer = new Uint8Array(0)
  await until(() => dialled === 3)
  const silent = [...sockets].at(-1)!
  await until(() => silent.destroyed || silent.readableEnded, 8000, 'a silent end is left')
  await a.bus.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

nothingLeft(t)
