/** A stream past its bound: what has not left is taken back, and nothing else is lost, doubled or moved. */
import t from 'tap'
import { cutsAnywhere, type MeshFleet, type Pair, pairsOf, startFleet } from '../support/mesh-fleet.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { type Random, seeded } from '../support/seed.ts'
import { until } from '../support/until.ts'

/** Numbered items, bursts of them, and a cut now and then; nothing is awaited. */
function burst(fleet: MeshFleet, random: Random): void {
  for (const { from, to } of pairsOf(fleet)) {
    const worker = fleet.workers[from]!
    const peer = worker.peer(to)
    const fill = '#'.repeat(random.chance(0.02) ? 20_000 : 0)
    for (let left = random.int(0, 20); left > 0; left--) worker.send(to, `${++peer.said} ${fill}`)
    if (random.chance(0.04)) worker.cut(to)
  }
}

/** Nothing comes twice or out of order; what is missing is not to be kept, and a cut follows before any other like it. */
function missesOnlyBeforeCuts(log: readonly string[], said: number): string[] {
  const findings: string[] = []
  let last = 0
  let isMissing = false
  let isCut = false
  for (const text of [...log, String(said + 1)]) {
    const number = text === 'cut' ? last : Number.parseInt(text, 10)
    for (let n = last + 1; n < number; n++) if (n % 3 === 0) findings.push(`${n} is to be kept, and missing`)
    if (text !== 'cut' && number <= last) findings.push(`${number} behind ${last}`)
    if (number > last + 1 && !isCut) isMissing = true
    if (isMissing && text !== 'cut' && number % 3 !== 0) findings.push(`${number} before a cut told of a gap`)
    isCut = text === 'cut'
    if (isCut) isMissing = false
    last = number
  }
  return findings
}

t.test('streams cut off at any item, workers that die, connections cut at any byte', async (t) => {
  const random = seeded(t)
  const fleet = await startFleet(t, 3, { durable: true, writeBytes: 8192 })
  fleet.life = cutsAnywhere(random.fork())
  const commitAfter = (): number => random.int(0, 30)
  for (let round = 0; round < 150; round++) {
    for (const worker of fleet.workers) worker.commitAfter = commitAfter
    burst(fleet, random)
    if (random.chance(0.1)) fleet.cutAll()
    if (random.chance(0.06)) {
      const slot = random.int(0, 2)
      const former = fleet.workers[slot]!
      await former.die()
      await fleet.start(slot, former)
      await fleet.announce()
    }
    await new Promise((resolve) => setTimeout(resolve, random.int(0, 5)))
  }
  fleet.life = null
  fleet.cutAll()
  for (const worker of fleet.workers) worker.commitNow()
  const idle = ({ from, to }: Pair): boolean => {
    const { end } = fleet.workers[from]!.outbox(to)
    return fleet.workers[to]!.received(from) === end && fleet.workers[from]!.outbox(to).base === end
  }
  await until(() => pairsOf(fleet).every(idle), 15_000, 'all items')
  let cuts = 0
  for (const { from, to } of pairsOf(fleet)) {
    const log = fleet.workers[to]!.logOf(from)
    const { said } = fleet.workers[from]!.peer(to)
    t.strictSame(missesOnlyBeforeCuts(log, said), [], `${from} to ${to}`)
    cuts += log.filter((text) => text === 'cut').length
  }
  t.ok(cuts > 3, `${cuts} cuts that were told of`)
  t.strictSame(
    fleet.workers.flatMap(({ resets, bus }) => [...resets, bus.figures.peersOverflowed]),
    [0, 0, 0],
    'no reset, and all have caught up',
  )
})

t.test('overflowed until what was in the outbox then is received', async (t) => {
  const fleet = await startFleet(t, 2)
  const [a, b] = [fleet.workers[0]!, fleet.workers[1]!]
  await until(() => fleet.whole)
  a.send(1, '1')
  await until(() => a.outbox(1).base === 1)
  for (let n = 2; n <= 100; n++) a.send(1, String(n))
  t.equal(a.bus.cut(1), 1, 'what is not flushed has not left')
  a.cut(1)
  t.match(a.bus.figures, { peersOverflowed: 1, cuts: 2 })
  t.match(a.log.lines[0], { fields: { peer: 1, items: 99 }, message: /cut off/ })
  const kept = [...Array.from({ length: 33 }, (_, i) => String(3 * i + 3)), 'cut']
  await until(() => a.bus.figures.peersOverflowed === 0)
  t.strictSame(b.logOf(0), ['1', ...kept])
  t.equal(a.outbox(1).base, 35)
})

t.test('a question keeps its place before a cut', async (t) => {
  const fleet = await startFleet(t, 2)
  const [a, b] = [fleet.workers[0]!, fleet.workers[1]!]
  await until(() => fleet.whole)
  b.answer = async (from) => Buffer.from(String(b.logOf(from).length))
  for (let n = 1; n <= 9; n++) a.send(1, String(n))
  const asked = a.bus.ask(1, Buffer.from('?'))
  a.cut(1)
  t.equal(Buffer.from(await asked).toString(), '4', 'behind those of the items before it that are left')
  t.strictSame(b.logOf(0), ['3', '6', '9', 'cut'])
})

nothingLeft(t)
