import fc from 'fast-check'
import t from 'tap'
import { Rates } from '../../lib/worker/rates.ts'

t.test('a second of it at once, then one by one; each address for itself', async (t) => {
  let now = 1000
  const rates = new Rates(4, () => now)
  const taken = (address: string, times: number) =>
    Array.from({ length: times }, () => rates.take(address)).filter(Boolean).length
  t.equal(taken('10.0.0.1', 10), 4)
  t.equal(taken('10.0.0.2', 10), 4)
  t.equal(taken('::ffff:10.0.0.2', 1), 0, 'the same address')
  t.equal(taken('2001:db8::1', 4) + taken('2001:db8::2', 4), 4, 'one network')
  now += 250
  t.equal(taken('10.0.0.1', 10), 1)
  now += 10_000
  t.equal(taken('10.0.0.1', 10), 4, 'no more is saved up')
  t.equal(new Rates(0, () => now).take('x'), true, 'no limit')
  const one = new Rates(1, () => now)
  t.same([one.take('x'), one.take('x')], [true, false])
})

t.test('whatever comes when: never more than the rate and one second of it', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat(300), { maxLength: 200 }),
      (perSecond, gaps) => {
        let now = 0
        const rates = new Rates(perSecond, () => now)
        let taken = 0
        for (const gap of gaps) {
          now += gap
          if (rates.take('x')) taken += 1
          if (taken > perSecond * (1 + now / 1000) + 1) return false
        }
        return true
      },
    ),
  )
})

t.test('addresses that are free again are forgotten', async (t) => {
  let now = 0
  const rates = new Rates(10, () => now)
  for (let i = 0; i < 900; i++) rates.take(`10.0.${i >> 8}.${i & 255}`)
  now += 2000
  for (let i = 0; i < 200; i++) rates.take(`10.1.0.${i}`)
  t.ok(rates.size <= 200, `${rates.size} are known`)
})
