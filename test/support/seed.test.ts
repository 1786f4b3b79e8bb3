import t from 'tap'
import { randomFrom, seeded } from './seed.ts'

t.test('the same seed makes the same choices, another one others', async (t) => {
  const draw = (seed: number): unknown[] => {
    const random = randomFrom(seed)
    return [random.next(), random.int(1, 6), [...random.bytes(8)], random.chance(0.5), random.fork().next()]
  }
  t.same(draw(7), draw(7))
  t.notSame(draw(7), draw(8))
})

t.test('choices cover their range and stay inside', async (t) => {
  const random = randomFrom(1)
  const seen = new Set(Array.from({ length: 1000 }, () => random.int(3, 6)))
  t.same([...seen].sort(), [3, 4, 5, 6])
  const mean = Array.from({ length: 10000 }, () => random.next()).reduce((a, b) => a + b) / 10000
  t.ok(Math.abs(mean - 0.5) < 0.02)
})

t.test('the seed is printed, and SEED brings it back', async (t) => {
  const said: unknown[] = []
  const first = seeded({ comment: (...args) => said.push(...args) })
  t.same(said, [`SEED=${first.seed}`])
  const before = process.env.SEED
  t.teardown(() => {
    if (before === undefined) delete process.env.SEED
    else process.env.SEED = before
  })
  process.env.SEED = String(first.seed)
  t.equal(seeded({ comment: () => {} }).next(), first.next())
  process.env.SEED = 'x'
  t.throws(() => seeded({ comment: () => {} }), /whole number/)
})
