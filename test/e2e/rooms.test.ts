/** Rooms on four workers, with members that join, leave and lose their links at random: one order, nothing lost. */
import t from 'tap'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { seeded } from '../support/seed.ts'
import { ROOMS_CLUSTER, runRooms } from './rooms-run.ts'

/** Of this process, at the end of the load: a start that took long on a busy machine is taken off. */
const END_S = 14

t.test('each view of a room is a piece of its one sequence', async (t) => {
  const cluster = await startCluster(t, ROOMS_CLUSTER)
  const seconds = Math.max(3, END_S - process.uptime())
  const { findings, ...figures } = await runRooms(cluster, seconds, seeded(t))
  t.comment(`${seconds.toFixed(1)} s: ${JSON.stringify(figures)}`)
  t.same(findings, [])
  const { joins, deliveries, cuts } = figures
  t.ok(joins > 20 && deliveries > 200 && cuts > 10, 'there was a load')
})

nothingLeft(t)
