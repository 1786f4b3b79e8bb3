/** 1,000 clients over polling against 4 workers: 0 wrong, 0 lost, also after all links were cut. */
import t from 'tap'
import { slotOfSid } from '../../lib/placement.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { PeerSession } from '../support/peer.ts'
import { openPoller, type Poller } from '../support/poller.ts'

const CLIENTS = 1000
const WORKERS = 4
/** Under way at a time: a crowd, and not a flood. */
const AT_ONCE = 100

t.test('1,000 polling clients', async (t) => {
  const cluster = await startCluster(t, { app: 'field', workers: WORKERS })
  const sessions = Array.from({ length: CLIENTS }, () => new PeerSession())
  const pollers: Poller[] = []
  t.teardown(() => {
    for (const poller of pollers) poller.cut()
  })

  /** Everybody says hello on a new connection, and asks who serves. */
  const arrive = async (): Promise<{ id: string; pid: unknown; slot: number | null }[]> => {
    const arrived: { id: string; pid: unknown; slot: number | null }[] = []
    for (let from = 0; from < CLIENTS; from += AT_ONCE) {
      const some = sessions.slice(from, from + AT_ONCE).map(async (session) => {
        const poller = await openPoller(cluster.port, session)
        pollers.push(poller)
        const { id } = await poller.enter()
        return { id, pid: await poller.ask('pid'), slot: slotOfSid(poller.sid) }
      })
      arrived.push(...(await Promise.all(some)))
    }
    return arrived
  }

  const started = Date.now()
  const first = await arrive()
  t.comment(`${CLIENTS} clients after ${Date.now() - started} ms`)
  const slots = sessions.map(({ segment }) => cluster.slotOf(segment))
  t.equal(first.filter(({ slot }, i) => slot !== slots[i]).length, 0, 'wrong slots')
  const pids = Array.from({ length: WORKERS }, (_, slot) => first[slots.indexOf(slot)]!.pid)
  t.same([...pids].sort(), cluster.workers().sort(), 'a process per slot')
  t.equal(first.filter(({ pid }, i) => pid !== pids[slots[i]!]).length, 0, 'wrong workers')

  for (const poller of pollers) poller.cut()
  const cut = Date.now()
  const second = await arrive()
  t.comment(`all back after ${Date.now() - cut} ms`)
  t.equal(second.filter(({ pid }, i) => pid !== first[i]!.pid).length, 0, 'wrong after all links were cut')
  t.equal(second.filter(({ id }, i) => id !== first[i]!.id).length, 0, 'lost')
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
