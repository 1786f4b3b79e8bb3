import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { connect as dial, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { encodeBusHello } from '../../lib/bus/envelope.ts'
import { Frame } from '../../lib/wire/frames.ts'
import { type MeshFleet, socketDirectory, startFleet } from '../support/mesh-fleet.ts'
import { type MeshWorker, startMeshWorker } from '../support/mesh-worker.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { pause, until } from '../support/until.ts'

const twoOf = (fleet: MeshFleet): [MeshWorker, MeshWorker] => [fleet.workers[0]!, fleet.workers[1]!]
const whole = (fleet: MeshFleet): Promise<void> => until(() => fleet.whole, 5000, 'all connected')

t.test('two workers: in order, both ways, and the outboxes empty again', async (t) => {
  const fleet = await startFleet(t, 2)
  const [a, b] = twoOf(fleet)
  const expected = Array.from({ length: 500 }, (_, n) => `item ${n}`)
  for (const text of expected) {
    a.send(1, text)
    b.send(0, text)
  }
  await until(() => b.logOf(0).length === 500 && a.logOf(1).length === 500)
  t.strictSame(b.logOf(0), expected)
  t.strictSame(a.logOf(1), expected)
  await until(() => a.outbox(1).bytes === 0 && b.outbox(0).bytes === 0)
  t.match(a.bus.figures, { itemsSent: 500, itemsResent: 0, itemsReceived: 500, peersConnected: 1 })
  t.strictSame([...a.resets, ...b.resets], [])
})

t.test('one write per peer and flush', async (t) => {
  const fleet = await startFleet(t, 4)
  await whole(fleet)
  const [a, b] = twoOf(fleet)
  const before = a.bus.figures.writes
  for (let turn = 0; turn < 20; turn++) {
    for (const to of [1, 2]) for (let n = 0; n < 50; n++) a.outbox(to).append(new Frame('x'.repeat(100)))
    a.bus.flush()
    a.bus.flush()
  }
  t.equal(a.bus.figures.writes - before, 40, 'two peers had something to get, the third costs nothing')
  await until(() => b.logOf(0).length === 1000)
})

t.test('a count leaves with items, or with others after a while', async (t) => {
  const fleet = await startFleet(t, 2)
  await whole(fleet)
  const [a, b] = twoOf(fleet)
  b.onItem = (from, _number, text) => b.send(from, `re ${text}`)
  a.onItem = (from, number) => {
    if (number < 100) a.send(from, 'again')
  }
  const before = b.bus.figures.writes
  a.send(1, 'first')
  await until(() => a.outbox(1).base === 100, 5000, 'the last count')
  t.equal(b.bus.figures.writes - before, 100, 'each count left with an item')
  await until(() => b.outbox(0).base === 100, 5000, 'the count alone')
  t.equal(b.bus.figures.writes - before, 100)
})

t.test('what is not flushed does not leave, not even on a new connection', async (t) => {
  const fleet = await startFleet(t, 2, { askTimeoutMs: 100 })
  await whole(fleet)
  const [a, b] = twoOf(fleet)
  a.send(1, 'flushed')
  await until(() => a.outbox(1).base === 1)
  a.outbox(1).append(new Frame('not yet'))
  fleet.cutAll()
  await until(() => fleet.made === 2 && fleet.whole)
  t.strictSame(await a.bus.ask(1, Buffer.from('?')).catch((error) => error.code), 'room_unavailable')
  t.strictSame(b.logOf(0), ['flushed'])
  a.bus.flush()
  await until(() => b.logOf(0).length === 2)
})

t.test('what waits for a peer that comes later is kept', async (t) => {
  const directory = socketDirectory(t)
  const a = await startMeshWorker({ slot: 0, directory })
  a.send(1, 'early')
  a.bus.fleet([1, 1])
  a.send(1, 'less early')
  const c = await startMeshWorker({ slot: 2, directory })
  c.send(0, 'from above')
  c.bus.fleet([1])
  a.bus.fleet([1, 1, 1])
  await until(() => a.logOf(2).length === 1)
  const b = await startMeshWorker({ slot: 1, directory })
  await until(() => b.logOf(0).length === 2)
  t.strictSame(b.logOf(0), ['early', 'less early'])
  t.strictSame([...a.resets, ...b.resets, ...c.resets], [])
  await Promise.all([a, b, c].map(({ bus }) => bus.close()))
})

t.test('a peer that comes back without its memory: reset before any item', async (t) => {
  for (const forgetful of [0, 1]) {
    const fleet = await startFleet(t, 2)
    await whole(fleet)
    const other = fleet.workers[1 - forgetful]!
    const former = fleet.workers[forgetful]!
    for (let n = 0; n < 10; n++) {
      former.send(other.slot, 'of old')
      other.send(forgetful, 'of old')
    }
    await until(() => other.logOf(forgetful).length === 10 && former.logOf(other.slot).length === 10)
    await former.die()
    fleet.generations[forgetful] = 0
    other.bus.fleet(fleet.generations)
    other.send(forgetful, 'to nobody')

    const next = await fleet.start(forgetful)
    next.send(other.slot, 'new 1')
    await fleet.announce()
    next.send(other.slot, 'new 2')
    await until(() => other.logOf(forgetful).length === 2)
    other.send(forgetful, 'hello again')
    await until(() => next.logOf(other.slot).length === 1)
    t.strictSame(other.logOf(forgetful), ['new 1', 'new 2'])
    t.strictSame(next.logOf(other.slot), ['hello again'])
    t.strictSame(other.resets, [forgetful])
    t.strictSame(next.resets, [])
  }
})

t.test('a higher generation closes the lower', async (t) => {
  const directory = socketDirectory(t)
  const a = await startMeshWorker({ slot: 0, directory })
  const b = await startMeshWorker({ slot: 1, directory })
  for (const { bus } of [a, b]) bus.fleet([1, 1])
  await until(() => b.bus.figures.peersConnected === 1)

  const newer = await startMeshWorker({ slot: 0, directory, generation: 2, epoch: 'newer' })
  newer.send(1, 'from the newer')
  newer.bus.fleet([2, 1])
  await until(() => b.logOf(0).length === 1, 5000, 'the newer one dials')
  t.strictSame(b.resets, [0])
  b.bus.fleet([1, 1])
  // The older one dials again and again, and finds no one.
  a.send(1, 'from the older')
  await pause(100)
  newer.send(1, 'still the newer')
  await until(() => b.logOf(0).length === 2)
  t.strictSame(b.logOf(0), ['from the newer', 'still the newer'])
  await Promise.all([a, b, newer].map(({ bus }) => bus.close()))
})

t.test('questions: behind the items before them, again after a cut, unavailable in the end', async (t) => {
  const fleet = await startFleet(t, 2, { askTimeoutMs: 3000 })
  await whole(fleet)
  const [a, b] = twoOf(fleet)
  b.answer = async (from, data) => Buffer.from(`${Buffer.from(data)}: ${b.logOf(from).length}`)
  const ask = async (text: string): Promise<string> =>
    Buffer.from(await a.bus.ask(1, Buffer.from(text))).toString()

  t.equal(await ask('no item and no flush'), 'no item and no flush: 0')
  a.send(1, 'one')
  const first = ask('first')
  a.send(1, 'two')
  a.send(1, 'three')
  t.strictSame(await Promise.all([first, ask('second')]), ['first: 1', 'second: 3'])

  const asked: string[] = []
  let answers = 0
  b.answer = (_from, data) => {
    asked.push(Buffer.from(data).toString())
    answers += 1
    if (answers > 2) return Promise.resolve(data)
    // The answer of the first connection never gets through.
    if (answers === 2) fleet.cutAll()
    return new Promise(() => {})
  }
  t.strictSame(await Promise.all([ask('x'), ask('y')]), ['x', 'y'])
  t.strictSame(asked, ['x', 'y', 'x', 'y'])

  b.answer = () => Promise.reject(new Error('of the application'))
  await t.rejects(ask('fails'), { name: 'LimpetError', code: 'room_unavailable' })
  t.equal(b.log.lines.length, 1)
  b.answer = () => {
    throw new Error('at once')
  }
  await t.rejects(ask('fails'), { code: 'room_unavailable' })
  b.answer = () => new Promise(() => {})
  const late = ask('in vain')
  const closed = t.rejects(late, { code: 'room_unavailable' })
  await a.bus.close()
  await closed
  await t.rejects(ask('too late'), { code: 'room_unavailable' })
})

t.test('nobody there: the question fails in time', async (t) => {
  const directory = socketDirectory(t)
  const a = await startMeshWorker({ slot: 0, directory, askTimeoutMs: 20 })
  await t.rejects(a.bus.ask(1, Buffer.from('?')), { code: 'room_unavailable' })
  await t.rejects(a.bus.ask(0, Buffer.from('?')), { code: 'room_unavailable' })
  await a.bus.close()
})

t.test('a reply that no frame can hold is none', async (t) => {
  const fleet = await startFleet(t, 2, { frameBytes: 1000 })
  const [a, b] = twoOf(fleet)
  b.answer = async () => Buffer.alloc(1000)
  await t.rejects(a.bus.ask(1, Buffer.from('?')), { code: 'room_unavailable' })
  b.answer = async () => Buffer.alloc(900)
  t.equal((await a.bus.ask(1, Buffer.from('?'))).length, 900)
})

t.test('a peer that does not read: items stay in the outbox, and go on by themselves', async (t) => {
  const directory = socketDirectory(t)
  const b = await startMeshWorker({ slot: 1, directory, writeBytes: 64 * 1024 })
  const socket: Socket = dial(join(directory, 'bus-1-1'))
  const hello = {
    slot: 0,
    generation: 1,
    attempt: 1,
    epoch: 'by hand',
    about: '',
    taken: 0,
    check: 0,
    received: 0,
  }
  socket.write(encodeBusHello(hello))
  await until(() => b.bus.figures.peersConnected === 1)
  const text = 'x'.repeat(1000)
  const items = 10_000
  for (let n = 0; n < items; n++) b.send(0, text)
  b.commitNow()
  const { itemsSent } = b.bus.figures
  t.ok(itemsSent < 2000, `the kernel takes some: ${itemsSent} of ${items} items left`)
  for (let n = 0; n < 100; n++) b.bus.flush()
  t.equal(b.bus.figures.itemsSent, itemsSent, 'no more of them')
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await until(() => bytes > items * text.length, 10_000, 'all of it')
  t.equal(b.bus.figures.itemsSent, items)
  t.equal(b.outbox(0).base, 0, 'nobody said that it was received')
  socket.destroy()
  await b.bus.close()
})

t.test('one worker alone', async (t) => {
  const directory = socketDirectory(t)
  const only = await startMeshWorker({ slot: 0, directory })
  only.bus.fleet([1])
  only.bus.flush()
  t.match(only.bus.figures, { writes: 0, peersConnected: 0 })
  await only.bus.close()
})

t.test('close leaves nothing, and is final', async (t) => {
  const fleet = await startFleet(t, 3)
  await whole(fleet)
  const [a, b] = twoOf(fleet)
  const c = fleet.workers[2]!
  for (let n = 0; n < 100; n++) a.send(1, `last ${n}`)
  a.commitNow()
  await Promise.all([a.bus.close(), a.bus.close()])
  await until(() => b.logOf(0).length === 100, 1000, 'what was written leaves')
  t.strictSame(
    readdirSync(fleet.directoryOf(0)).filter((name) => name.startsWith('bus-0-')),
    [],
  )
  t.equal(a.bus.figures.peersConnected, 0)
  await until(() => b.bus.figures.peersConnected === 1)
  a.bus.fleet(fleet.generations)
  a.send(1, 'too late')
  a.commitNow()
  b.send(2, 'goes on')
  await until(() => c.logOf(1).length === 1)
  t.equal(b.logOf(0).length, 100)
})

t.test('sockets of dead generations go when the primary has said who holds the slot', async (t) => {
  const directory = socketDirectory(t)
  const a = await startMeshWorker({ slot: 1, directory, generation: 12 })
  // As `kill -9` leaves them, the later ones alive or not ours to judge.
  const dead = ['bus-1-1', 'http-1-11']
  const others = ['bus-0-1', 'bus-1-13', 'http-11-1', 'notes', 'bus-1-1.txt']
  for (const name of [...dead, ...others]) writeFileSync(join(directory, name), '')
  a.bus.fleet([0, 11])
  await pause(20)
  t.strictSame(readdirSync(directory).sort(), [...dead, ...others, 'bus-1-12'].sort(), 'the former may live')
  a.bus.fleet([0, 12])
  await until(() => dead.every((name) => !existsSync(join(directory, name))))
  t.strictSame(readdirSync(directory).sort(), [...others, 'bus-1-12'].sort())
  await a.bus.close()
})

t.test('a socket that cannot be made', async (t) => {
  const directory = socketDirectory(t)
  const long = { slot: 0, directory: join(directory, 'x'.repeat(100)) }
  await t.rejects(startMeshWorker(long), { message: /too long/ })
  await t.rejects(startMeshWorker({ slot: 0, directory: join(directory, 'none') }), { message: /^listen / })
  const first = await startMeshWorker({ slot: 0, directory })
  await t.rejects(startMeshWorker({ slot: 0, directory }), { code: 'EADDRINUSE' })
  t.ok(existsSync(join(directory, 'bus-0-1')), 'the first one keeps its socket')
  await first.bus.close()
})

nothingLeft(t)
