/** 1,000 clients over WebSocket against 4 workers: 0 wrong, 0 lost, also after all links were cut. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'

const CLIENTS = 1000
const WORKERS = 4
/** Handshakes under way at a time: a crowd, and not a flood. */
const AT_ONCE = 100

t.test('1,000 WebSocket clients', async (t) => {
  const cluster = await startCluster(t, { app: 'field', workers: WORKERS })
  const proxy = await startProxy(cluster.port)
  const clients: Client[] = []
  t.teardown(async () => {
    for (const client of clients) client.close()
    await proxy.stop()
  })
  const segments = Array.from({ length: CLIENTS }, () => randomBytes(16).toString('base64url'))
  const slots = segments.map((segment) => cluster.slotOf(segment))
  const resumed = new Set<number>()
  const pidOf = (client: Client): Promise<unknown> => client.emitWithAck('pid')

  const started = Date.now()
  for (const [i, segment] of segments.entries()) {
    const client = connect(proxy.url, { segment, transports: ['websocket'], connectTimeoutMs: 20_000 })
    client.on('resume', () => resumed.add(i))
    clients.push(client)
    if (i % AT_ONCE === AT_ONCE - 1) await Promise.all(clients.slice(-AT_ONCE).map(pidOf))
  }
  const before = await Promise.all(clients.map(pidOf))
  t.comment(`${CLIENTS} clients after ${Date.now() - started} ms`)
  const pids = Array.from({ length: WORKERS }, (_, slot) => before[slots.indexOf(slot)])
  t.same([...pids].sort(), cluster.workers().sort(), 'a process per slot')
  t.equal(before.filter((pid, i) => pid !== pids[slots[i]!]).length, 0, 'wrong workers')

  const ids = clients.map(({ id }) => id)
  proxy.cutAll()
  const cut = Date.now()
  await until(() => resumed.size === CLIENTS, 20_000, 'all clients back')
  const after = await Promise.all(clients.map(pidOf))
  t.comment(`all back after ${Date.now() - cut} ms`)
  t.equal(after.filter((pid, i) => pid !== before[i]).length, 0, 'wrong after all links were cut')
  t.equal(clients.filter(({ id }, i) => id !== ids[i]).length, 0, 'lost')
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
