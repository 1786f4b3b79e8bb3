/** Rooms on four workers, with members that join, leave and lose their links at random: one order, nothing lost. */
import t from 'tap'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { seeded } from '../support/seed.ts'
import { ROOMS_CLUSTER, runRooms } from './rooms-run.ts'

t.test('each view of a room is a piece of its one sequence', async (t) => {
  const cluster = await startCluster(t, ROOMS_CLUSTER)
  const { findings, ...figures } = await runRooms(cluster, 10, seeded(t))
  t.comment(JSON.stringify(figures))
  t.same(findings, [])
  const { joins, leaves, deliveries, cuts } = figures
  t.ok(joins > 50 && leaves > 10 && deliveries > 1000 && cuts > 50, 'there was a load')
})

nothingLeft(t)
