/** A process that dies at each named point, under load: nothing lost, doubled, reordered. `npm run chaos -- --points` */
import t from 'tap'
import { CrashPoints } from '../support/crash-points.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { seeded } from '../support/seed.ts'
import { Chaos, unexpected } from './chaos-run.ts'
import { dieAtEachPoint } from './crash-points-run.ts'

t.test('each point', async (t) => {
  const random = seeded(t)
  const points = new CrashPoints()
  t.teardown(() => points.close())
  const chaos = await Chaos.begin({ workers: 2, clients: 6, members: 4, everyMs: 60, ...points }, random)
  t.teardown(() => chaos.close())
  const began = performance.now()
  await dieAtEachPoint(chaos, points, random, (point) =>
    t.comment(`${Math.round(performance.now() - began)} ms: ${point}`),
  )
  t.same(await chaos.judge(), [])
  t.comment(chaos.totals())
  t.same(unexpected(chaos.cluster.complaints()), [])
})

nothingLeft(t)
