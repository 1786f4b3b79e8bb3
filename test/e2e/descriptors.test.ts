/** No descriptor is left, in the primary or in a worker: who is there stays, who comes is told or cut, and it ends with the shortage. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { openLink, type PeerLink, PeerSession } from '../support/peer.ts'
import { type RawConnection, rawConnect, upgradeRequest } from '../support/raw.ts'
import { until } from '../support/until.ts'

const SPARE = 20
const CROWD = 150

const openIn = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** From now on the process may open `more` descriptors, and none beyond. */
function limit(pid: number, more: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${openIn(pid) + more}:`])
}

const visit = (cluster: Cluster, slot: number): string =>
  upgradeRequest(`/api/${cluster.segmentOn(slot)}/?EIO=4&transport=websocket`)

async function crowd(t: Test, cluster: Cluster, text: string): Promise<RawConnection[]> {
  const made = await Promise.all(Array.from({ length: CROWD }, () => rawConnect(cluster.port)))
  t.teardown(() => {
    for (const connection of made) connection.destroy()
  })
  for (const connection of made) if (text !== '') connection.write(text)
  return made
}

const statusOf = (connection: RawConnection): Promise<number> =>
  connection.response().then(
    ({ status }) => status,
    () => 0,
  )

async function startWithBystander(t: Test): Promise<{ cluster: Cluster; undisturbed: () => Promise<void> }> {
  const cluster = await startCluster(t, { app: 'field' })
  const pids = [cluster.pid, ...cluster.workers()]
  const link: PeerLink = await openLink(cluster.url, new PeerSession(cluster.segmentOn(1)), 'websocket')
  await link.enter()
  t.teardown(() => link.close())
  return {
    cluster,
    async undisturbed() {
      const number = link.question('pid')
      const { to, result } = await link.next('answer')
      t.match([to, result], [number, { ok: true }], 'who was there goes on')
      t.same([cluster.pid, ...cluster.workers()], pids, 'nobody died')
    },
  }
}

/** On each worker, all at once. */
async function allGetIn(t: Test, cluster: Cluster): Promise<void> {
  const statuses = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      const connection = await rawConnect(cluster.port)
      t.teardown(() => connection.destroy())
      connection.write(visit(cluster, i % 2))
      return statusOf(connection)
    }),
  )
  t.same([...new Set(statuses)], [101], 'all get in')
}

t.test('the primary has none left', async (t) => {
  const { cluster, undisturbed } = await startWithBystander(t)
  limit(cluster.pid, SPARE)
  const connections = await crowd(t, cluster, '')
  const cut = (): number => connections.filter(({ ended }) => ended !== 'no').length
  await until(() => cut() >= CROWD - SPARE - 5, 5000, 'the end of those beyond')
  await undisturbed()
  for (const connection of connections) connection.destroy()
  await until(() => openIn(cluster.pid) < 60, 5000, 'descriptors')
  await allGetIn(t, cluster)
  await undisturbed()
  t.ok(cluster.complaints().length <= 3, `${cluster.complaints().length} lines in the log`)
})

t.test('a worker has none left', async (t) => {
  const { cluster, undisturbed } = await startWithBystander(t)
  // By slot: found by who serves a raw connection.
  const connection = await rawConnect(cluster.port)
  connection.write(visit(cluster, 0))
  await connection.response()
  await connection.frame()
  connection.sendFrame('4pid')
  const pid = Number.parseInt(String((await connection.frame()).payload).slice(1), 10)
  connection.destroy()
  const before = openIn(pid)
  limit(pid, SPARE)
  const connections = await crowd(t, cluster, visit(cluster, 0))
  const statuses = await Promise.all(connections.map(statusOf))
  const count = (status: number): number => statuses.filter((each) => each === status).length
  t.equal(count(101) + count(503), CROWD, `${count(101)} got in, ${count(503)} were told 503`)
  t.ok(count(101) >= SPARE / 2 && count(101) <= SPARE + 10)
  await undisturbed()
  for (const each of connections) each.destroy()
  await until(() => openIn(pid) <= before, 5000, 'descriptors')
  await allGetIn(t, cluster)
  await undisturbed()
  t.ok(cluster.complaints().length <= 3, `${cluster.complaints().length} lines in the log`)
})

nothingLeft(t)
