import t from 'tap'
import { Returns } from '../../lib/worker/returns.ts'

const of = (hellosPerSecond: number, count: number): number[] => {
  const returns = new Returns(hellosPerSecond)
  return Array.from({ length: count }, () => returns.next())
}

t.test('one in a millisecond, or as many as are taken, and none later than after ten seconds', async (t) => {
  t.same(of(0, 3), [100, 101, 102])
  t.same(of(5000, 3), [100, 101, 102])
  t.same(of(500, 3), [100, 102, 104])
  t.same(of(100, 2000).slice(-1), [10_000])
})
