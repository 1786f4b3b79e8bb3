import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MAGIC } from '../../lib/worker/journal-blocks.ts'
import { recover } from '../../lib/worker/recovery.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { gate, LIMITS, Peer, settle } from '../support/core.ts'
import { digestOfBytes, journaled, recovered } from '../support/journaled.ts'
import { seeded } from '../support/seed.ts'
import { digestOf } from '../support/state-digest.ts'

/** Sessions that talk, join, wait, overflow, end; nothing is quiet in the end. */
async function live(path: string, after?: () => void) {
  const { worker, file } = journaled(path, after)
  const held = gate()
  worker.listen('echo', (text) => text)
  worker.listen('hold', () => held.promise, true)
  worker.server.on('session', (session) => {
    session.on('join', (room) => session.join(room as string))
    session.on('leave', (room) => session.leave(room as string))
    session.on('say', (room, text) => session.to(room as string).emit('said', text))
    session.on('far', () => session.to('far').emit('x'))
    session.on('store', (patch) => session.update(patch as object))
    session.on('bye', () => session.close())
    session.on('flood', () => {
      for (let i = 0; i < 20; i++) session.emit('much', 'x'.repeat(1000))
    })
  })
  const peers: Peer[] = []
  for (const key of ['a', 'b', 'c', 'd', 'e']) peers.push(await Peer.connected(worker, { key }))
  const [a, b, c, d, e] = peers as [Peer, Peer, Peer, Peer, Peer]
  for (const peer of [a, b, c]) peer.emit('join', 'room')
  a.emit('join', 'far')
  await settle(worker)
  a.emit('say', 'room', 'héllo 😀')
  b.emit('say', 'room', new Uint8Array([0, 1, 255]))
  b.emit('store', { nick: 'bob', deep: { list: [1, 2] } })
  await settle(worker)
  a.ask('hold')
  a.emit('echo', 'ahead')
  b.emit('far')
  c.emit('leave', 'room')
  d.emit('bye')
  e.emit('flood')
  await settle(worker)
  a.read()
  a.lose()
  await a.connect()
  b.lose()
  await settle(worker)
  held.open()
  await settle(worker)
  worker.pass(1000)
  return { worker, file, peers }
}

t.test('what is recovered is what was live, after every batch', async (t) => {
  const path = join(t.testdir(), 'slot-0.log')
  let batches = 0
  const look = (): void => {
    batches += 1
    const { state, recovery } = recovered(path)
    t.equal(recovery.tail, 'clean')
    const {
      worker: { state: now },
    } = running
    if (JSON.stringify(digestOf(state)) !== JSON.stringify(digestOf(now)))
      t.same(digestOf(state), digestOf(now), `batch ${batches}`)
  }
  const running = {} as { worker: { state: WorkerState } }
  const { worker, file } = journaled(path, look)
  running.worker = worker
  worker.listen('echo', (text) => text)
  worker.server.on('session', (session) => {
    session.on('open', () => session.join('room'))
    session.on('say', (text) => session.to('room').emit('said', text))
  })
  const peers = await Promise.all(['a', 'b', 'c'].map((key) => Peer.connected(worker, { key })))
  for (const peer of peers) {
    peer.emit('say', `from ${peer.key}`)
    peer.ask('echo', peer.key)
    await settle(worker)
  }
  peers[0]!.lose()
  worker.pass(LIMITS.graceMs + 100)
  await settle(worker)
  t.ok(batches >= 5, `${batches} batches`)
  file.close()
})

t.test('a busy worker: from its turns, and from a checkpoint', async (t) => {
  const path = join(t.testdir(), 'slot-0.log')
  const { worker, file } = await live(path)
  const first = recovered(path)
  t.same(digestOf(first.state), digestOf(worker.state))
  t.equal(first.recovery.time, 1_000_000, 'of the last turn')
  t.equal(first.state.sessions.size, 3)
  t.equal(file.checkpoint(), null)
  const second = recovered(path)
  t.same(digestOf(second.state), digestOf(worker.state))
  t.ok(second.recovery.size < first.recovery.size)
  file.close()
})

t.test('cut off anywhere: some earlier batch, never anything else', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'slot-0.log')
  const ends: number[] = []
  const { file } = await live(path, () => ends.push(statSync(path).size))
  file.close()
  const bytes = readFileSync(path)
  const copy = join(directory, 'copy.log')
  const states = new Map(ends.map((end) => [end, digestOfBytes(copy, bytes.subarray(0, end))]))
  const begin = ends[0]!
  const random = seeded(t)
  for (let i = 0; i < 200; i++) {
    const cut = random.int(begin, bytes.length)
    writeFileSync(copy, bytes.subarray(0, cut))
    const { state, recovery } = recovered(copy)
    const whole = ends.findLast((end) => end <= cut)!
    if (recovery.size !== whole || recovery.tail !== (whole === cut ? 'clean' : 'torn'))
      t.fail(`cut at ${cut}: ${JSON.stringify(recovery)}`)
    if (JSON.stringify(digestOf(state)) !== JSON.stringify(states.get(whole)))
      t.fail(`cut at ${cut}: another state`)
  }
  t.pass('200 cuts')
})

t.test('a flipped bit: the state before it, and said to be damaged; never a throw', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'slot-0.log')
  const ends: number[] = []
  const { file } = await live(path, () => ends.push(statSync(path).size))
  file.close()
  const bytes = readFileSync(path)
  const copy = join(directory, 'copy.log')
  const states = new Map(
    ends.map((end) => [end, JSON.stringify(digestOfBytes(copy, bytes.subarray(0, end)))]),
  )
  const random = seeded(t)
  const seen = new Set<string>()
  for (let i = 0; i < 300; i++) {
    const at = random.int(0, bytes.length - 1)
    const flipped = Buffer.from(bytes)
    flipped[at]! ^= 1 << random.int(0, 7)
    writeFileSync(copy, flipped)
    const state = new WorkerState(0, LIMITS)
    const recovery = recover(copy, state)
    if (recovery.kind !== 'recovered') {
      seen.add(recovery.kind)
      if (at >= ends[0]!) t.fail(`bit at ${at}: ${JSON.stringify(recovery)}`)
      continue
    }
    seen.add(recovery.tail)
    if (recovery.tail === 'clean' || recovery.size > at)
      t.fail(`bit at ${at} was not seen: ${JSON.stringify(recovery)}`)
    const expected = states.get(recovery.size)
    if (expected && JSON.stringify(digestOf(state)) !== expected) t.fail(`bit at ${at}: another state`)
  }
  t.same([...seen].sort(), ['damaged', 'foreign'])
})

t.test('what is not ours', async (t) => {
  const directory = t.testdir({ other: 'limpet journal 2\nxxxx', foreign: 'PNG' })
  t.same(recover(join(directory, 'none'), new WorkerState(0, LIMITS)), { kind: 'none' })
  for (const name of ['other', 'foreign']) {
    const path = join(directory, name)
    const before = readFileSync(path)
    t.match(recover(path, new WorkerState(0, LIMITS)), {
      kind: 'foreign',
      reason: /no journal of this version; it was left untouched/,
    })
    t.same(readFileSync(path), before)
  }
  const path = join(directory, 'slot-0.log')
  writeFileSync(join(directory, 'empty'), '')
  t.same(recover(join(directory, 'empty'), new WorkerState(0, LIMITS)), { kind: 'none' })
  journaled(path).file.close()
  copyFileSync(path, join(directory, 'short'))
  truncateSync(join(directory, 'short'), MAGIC.length + 20)
  t.match(recover(join(directory, 'short'), new WorkerState(0, LIMITS)), {
    kind: 'foreign',
    reason: /damaged at its beginning/,
  })
})
