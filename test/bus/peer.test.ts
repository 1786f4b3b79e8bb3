import t, { type Test } from 'tap'
import { Frame } from '../../lib/wire/frames.ts'
import {
  cutsAnywhere,
  type MeshFleet,
  type Pair,
  pairsOf,
  socketDirectory,
  startFleet,
} from '../support/mesh-fleet.ts'
import { type MeshWorker, startMeshWorker } from '../support/mesh-worker.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { type Random, seeded } from '../support/seed.ts'
import { until, within } from '../support/until.ts'

const textOf = ({ from, to }: Pair, number: number): string => `${from}>${to} ${number}`

/** Some items per pair and turn, one in a hundred a long one, until each pair has `count`. */
async function chatter(fleet: MeshFleet, count: number, random: Random, atMost = 50): Promise<void> {
  for (let busy = true; busy; ) {
    busy = false
    for (const pair of pairsOf(fleet)) {
      const worker = fleet.workers[pair.from]!
      for (let left = random.int(0, atMost); left > 0; left--) {
        const number = worker.outbox(pair.to).end + 1
        if (number > count) break
        worker.send(pair.to, textOf(pair, number) + (random.chance(0.01) ? '#'.repeat(20_000) : ''))
      }
      if (worker.outbox(pair.to).end < count) busy = true
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function eachExactlyOnce(t: Test, fleet: MeshFleet, count: number): Promise<void> {
  const logOf = ({ from, to }: Pair): string[] => fleet.workers[to]!.logOf(from)
  const pairs = pairsOf(fleet)
  await until(() => pairs.every((pair) => logOf(pair).length >= count), 25_000, 'all items')
  for (const pair of pairs) {
    const expected = Array.from({ length: count }, (_, n) => textOf(pair, n + 1))
    t.strictSame(
      logOf(pair).map((text) => text.replace(/#+$/, '')),
      expected,
      `${pair.from} to ${pair.to}`,
    )
  }
  const empty = (): boolean => pairs.every(({ from, to }) => fleet.workers[from]!.outbox(to).bytes === 0)
  await until(empty, 5000, 'all outboxes empty')
  t.strictSame(
    fleet.workers.flatMap(({ resets, log }) => [...resets, ...log.lines]),
    [],
    'no reset, no fault',
  )
}

t.test('four workers, 12,000 items, connections cut at any byte: exactly once, in order', async (t) => {
  const random = seeded(t)
  const fleet = await startFleet(t, 4)
  fleet.life = cutsAnywhere(random.fork())
  fleet.cutAll()
  await chatter(fleet, 1000, random)
  await until(() => fleet.made > 150, 15_000, '150 connections')
  fleet.life = null
  fleet.cutAll()
  await eachExactlyOnce(t, fleet, 1000)
  const resent = fleet.workers.reduce((sum, { bus }) => sum + bus.figures.itemsResent, 0)
  t.ok(resent > 1000, `${fleet.made} connections, ${resent} items sent again`)
})

t.test('two workers that commit late, 10,000 items, cut by both ends', async (t) => {
  const random = seeded(t)
  const fleet = await startFleet(t, 2)
  let cuts = 0
  for (const worker of fleet.workers) {
    worker.commitAfter = () => random.int(0, 30)
    worker.onItem = () => {
      if (!random.chance(0.01)) return
      cuts += 1
      fleet.cutAll()
    }
  }
  await chatter(fleet, 5000, random)
  await eachExactlyOnce(t, fleet, 5000)
  t.ok(cuts > 20, `${cuts} cuts`)
})

/** Resolves when the worker is dead: at one of its next items, or after a while where none comes. */
function death(worker: MeshWorker, random: Random, cut: () => void): Promise<void> {
  return new Promise((resolve) => {
    const die = (): void => {
      clearTimeout(timer)
      worker.onItem = null
      resolve(worker.die())
    }
    const timer = setTimeout(die, 200)
    let left = random.int(1, 300)
    worker.onItem = () => {
      // Hellos in the middle of what is not committed.
      if (random.chance(0.02)) cut()
      left -= 1
      if (left === 0) die()
    }
  })
}

t.test('workers that die at any item and recover what they committed', async (t) => {
  const random = seeded(t)
  const fleet = await startFleet(t, 3, { durable: true })
  const commitAfter = (): number => random.int(0, 30)
  for (const worker of fleet.workers) worker.commitAfter = commitAfter
  const talk = chatter(fleet, 3000, random.fork(), 8)
  let lost = 0
  for (let deaths = 0; deaths < 20; deaths++) {
    const slot = random.int(0, 2)
    const worker = fleet.workers[slot]!
    await death(worker, random, () => fleet.cutAll())
    const next = await fleet.start(slot, worker)
    for (const from of [0, 1, 2]) lost += worker.logOf(from).length - next.logOf(from).length
    next.commitAfter = commitAfter
    await fleet.announce()
  }
  await within(talk, 20_000, 'all sent')
  // A death may have taken the last ones along.
  await chatter(fleet, 3000, random)
  await eachExactlyOnce(t, fleet, 3000)
  t.ok(lost > 50, `${lost} items were taken and not committed`)
})

t.test('the same counts of other items: both begin again', async (t) => {
  const directory = socketDirectory(t)
  const [a, b] = await Promise.all([0, 1].map((slot) => startMeshWorker({ slot, directory, durable: true })))
  b!.commitAfter = () => 60_000
  for (const worker of [a!, b!]) worker.bus.fleet([1, 1])
  for (const text of ['one', 'two', 'three']) a!.send(1, text)
  b!.commitNow()
  await until(() => b!.logOf(0).length === 3)
  const { remains } = a!
  await a!.die()
  const { outbox } = remains.get(1)!
  const [, ...rest] = outbox.takeBack(0)
  outbox.append(new Frame(Buffer.from('another')))
  for (const item of rest) outbox.append(item)
  const next = await startMeshWorker({ slot: 0, directory, durable: true, generation: 2 }, remains)
  next.bus.fleet([2, 1])
  await until(() => next.resets.length === 1 && b!.resets.length === 1)
  b!.commitAfter = () => 0
  await until(() => next.bus.figures.peersConnected === 1)
  next.send(1, 'anew')
  await until(() => b!.logOf(0).length === 1)
  t.strictSame(b!.logOf(0), ['anew'])
  t.match(next.log.lines.at(-1), { fields: { reason: 'the counts or checks do not fit' } })
  await Promise.all([next.die(), b!.die()])
})

t.test('a memory is remembered before anything is said to it', async (t) => {
  const directory = socketDirectory(t)
  const [a, b] = await Promise.all([0, 1].map((slot) => startMeshWorker({ slot, directory, durable: true })))
  a!.send(1, 'hello')
  a!.commitAfter = () => 60_000
  a!.bus.fleet([1, 1])
  a!.commitNow()
  await until(() => a!.bus.figures.peersConnected + b!.bus.figures.peersConnected === 2)
  t.equal(a!.epoch(1), 'epoch of 1')
  t.equal(a!.bus.figures.itemsSent, 0)
  a!.commitNow()
  await until(() => b!.logOf(0).length === 1)
  await Promise.all([a!.die(), b!.die()])
})

nothingLeft(t)
