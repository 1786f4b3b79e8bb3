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
