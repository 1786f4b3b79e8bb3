/** A thousand clients, and each must be served by the worker its segment names; shared by the tests of each transport. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { startCluster } from './cluster.ts'
import type { Transport } from './peer.ts'
import { startProxy } from './proxy.ts'
import { until } from './until.ts'

const CLIENTS = 1000
const WORKERS = 4
/** Handshakes under way at a time: a crowd, and not a flood. */
const AT_ONCE = 100

export async function placeCrowd(t: Test, transport: Transport): Promise<void> {
  const cluster = await startCluster(t, { app: 'field', workers: WORKERS, args: ['--head-ms', '30000'] })
  const proxy = await startProxy(cluster.port)
  const clients: Client[] = []
  t.teardown(async () => {
    for (const client of clients) client.close()
    await proxy.stop()
  })
  const segments = Array.from({ length: CLIENTS }, () => randomBytes(16).toString('base64url'))
  const resumed = new Set<number>()

  /** Pid by client. */
  const pids = async (): Promise<unknown[]> => Promise.all(clients.map((client) => client.emitWithAck('pid')))
  const started = Date.now()
  for (const [i, segment] of segments.entries()) {
    const client = connect(proxy.url, { segment, transports: [transport], connectTimeoutMs: 20_000 })
    client.on('resume', () => resumed.add(i))
    clients.push(client)
    const opening = (): number => clients.filter(({ state }) => state !== 'connected').length
    if (i % AT_ONCE === AT_ONCE - 1) await until(() => opening() === 0, 10_000, 'a hundred connections')
  }
  const before = await pids()
  t.comment(`${CLIENTS} clients after ${Date.now() - started} ms`)

  const byslot = Array.from({ length: WORKERS }, (_, slot) => {
    const here = before.filter((_, i) => cluster.slotOf(segments[i]!) === slot)
    t.ok(here.length > CLIENTS / WORKERS / 2, `slot ${slot}: ${here.length} clients`)
    return new Set(here)
  })
  t.ok(
    byslot.every((pids) => pids.size === 1),
    'one process per slot',
  )
  t.equal(new Set(byslot.flatMap((pids) => [...pids])).size, WORKERS, 'and another one for each')

  const cut = Date.now()
  const ids = clients.map(({ id }) => id)
  proxy.cutAll()
  await until(() => resumed.size === CLIENTS, 15_000, 'all clients back')
  const after = await pids()
  t.comment(`all back after ${Date.now() - cut} ms`)
  t.equal(after.filter((pid, i) => pid !== before[i]).length, 0, 'wrong after all links were cut')
  t.equal(clients.filter(({ id }, i) => id !== ids[i]).length, 0, 'lost')
  t.same(cluster.complaints(), [])
}
