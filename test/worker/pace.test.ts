import t from 'tap'
import { Pace } from '../../lib/worker/pace.ts'

t.test('nothing rests before the first flush', async (t) => {
  t.notOk(new Pace().rest(0) > 0)
})

t.test('as long as the flush took, where frames left together', async (t) => {
  for (const [frames, ms] of [
    [100, 0],
    [125, 1],
    [150, 2],
    [200, 4],
    [1000, 4],
  ] as const) {
    const pace = new Pace()
    pace.flushed(1000, 1004, frames, 100)
    t.equal(pace.rest(1004), ms, `${frames} frames in 100 writes`)
    t.equal(pace.rest(1006), ms - 2)
  }
})

t.test('no longer than is worth it, and not for what wrote nothing', async (t) => {
  const pace = new Pace()
  pace.flushed(1000, 1500, 200, 100)
  t.equal(pace.rest(1500), 10)
  pace.flushed(1510, 1511, 0, 0)
  t.notOk(pace.rest(1511) > 0)
})
