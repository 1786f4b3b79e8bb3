import t from 'tap'
import { Deadlines } from '../../lib/primary/deadlines.ts'

t.test('the late ones, in order, and nobody else', async (t) => {
  const late: string[] = []
  let done: () => void = () => {}
  const both = new Promise<void>((resolve) => {
    done = resolve
  })
  const deadlines = new Deadlines<string>(40, (item) => {
    late.push(item)
    if (late.length === 2) done()
  })
  // The wheel's own timer does not keep the process.
  const keep = setInterval(() => {}, 1000)
  for (const item of ['a', 'b', 'c']) deadlines.add(item)
  const start = performance.now()
  t.ok(deadlines.delete('b'))
  t.notOk(deadlines.delete('b'))
  await both
  t.ok(performance.now() - start >= 39)
  clearInterval(keep)
  t.same(late, ['a', 'c'])
  deadlines.add('d')
  deadlines.close()
  t.same(late, ['a', 'c', 'd'], 'closing ends those that wait')
  t.equal(deadlines.size, 0)
})

t.test('the oldest', async (t) => {
  const deadlines = new Deadlines<string>(60_000, () => t.fail())
  for (const item of ['a', 'b', 'c']) deadlines.add(item)
  deadlines.delete('a')
  t.same([deadlines.shift(), deadlines.shift(), deadlines.shift()], ['b', 'c', null])
  deadlines.close()
})

t.test('a crowd that is late at once does not hold up the rest', async (t) => {
  const CROWD = 1000
  let late = 0
  let turns = 0
  const deadlines = new Deadlines<number>(20, () => {
    late += 1
  })
  for (let i = 0; i < CROWD; i++) deadlines.add(i)
  while (late < CROWD) {
    const before = late
    await new Promise((resolve) => setImmediate(resolve))
    if (late > before) turns += 1
  }
  t.ok(turns >= 30, `in ${turns} turns`)
  deadlines.close()
})
