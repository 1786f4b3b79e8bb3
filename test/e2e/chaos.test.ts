/** kill -9 of workers and of the primary, at random, under load and cuts: nothing lost, doubled, reordered. */
import t from 'tap'
import { nothingLeft } from '../support/nothing-left.ts'
import { seeded } from '../support/seed.ts'
import { killAtRandom } from './chaos-kills.ts'
import { Chaos, unexpected } from './chaos-run.ts'

t.test('ten kills, a reload, another number of workers', async (t) => {
  const random = seeded(t)
  const chaos = await Chaos.begin({ workers: 3, clients: 8, members: 8, everyMs: 80, cuts: true }, random)
  t.teardown(() => chaos.close())
  const plan = { kills: 10, primaryShare: 0.3, reshardShare: 0.5, reloadShare: 0.2, workersMax: 3 }
  const killed = await killAtRandom(chaos, plan, random)
  t.same(await chaos.judge(), [])
  t.comment(`${JSON.stringify(killed)}; ${chaos.totals()}`)
  t.ok(chaos.clients.every(({ suspends }) => suspends > 0))
  t.same(unexpected(chaos.cluster.complaints()), [])
})

nothingLeft(t)
