import t from 'tap'
import { RandomIds } from '../../lib/worker/random-ids.ts'

t.test('each has 120 bits, and none comes twice', async (t) => {
  const [one, other] = [new RandomIds(), new RandomIds()]
  const ids = Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? one : other).next())
  t.ok(ids.every((id) => /^[A-Za-z0-9_-]{20}$/.test(id)))
  t.equal(new Set(ids).size, ids.length)
  // Every place varies: none is left as the pool began, or says the same again.
  for (let at = 0; at < 20; at++) t.ok(new Set(ids.map((id) => id[at])).size > 30, `place ${at}`)
})
