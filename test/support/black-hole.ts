/** Ten seconds in which the network swallows everything and says nothing; shared by the e2e tests of each transport. */
import type { Test } from 'tap'
import { startCluster } from './cluster.ts'
import { History } from './history.ts'
import { LoadedClient } from './load.ts'
import type { Transport } from './peer.ts'
import { startProxy } from './proxy.ts'
import { seeded } from './seed.ts'
import { pause, until } from './until.ts'

const HOLE_MS = 10_000
const PROBES = ['--ping-interval-ms', '1000', '--ping-timeout-ms', '1000']

export async function surviveBlackHole(t: Test, transport: Transport): Promise<void> {
  const random = seeded(t)
  const cluster = await startCluster(t, { app: 'load', args: PROBES })
  const proxy = await startProxy(cluster.port)
  t.teardown(() => proxy.stop())
  const history = new History()
  const names = ['a', 'b']
  const clients = names.map((name, slot) => {
    const client = { transports: [transport], segment: cluster.segmentOn(slot), connectTimeoutMs: 1000 }
    // Ten seconds of it must fit into the outbox: it waits there on both sides.
    const options = { everyMs: 100, room: 'common', client }
    return new LoadedClient(proxy.url, name, names, history, random.fork(), options)
  })
  t.teardown(() => Promise.all(clients.map((client) => client.close())))
  await Promise.all(clients.map(({ client }) => client.emitWithAck('enter', 'common')))
  await Promise.all(clients.map((client) => client.start()))
  await pause(500)

  proxy.blackhole()
  await pause(HOLE_MS)
  t.ok(
    clients.every(({ suspends }) => suspends === 1),
    'the application was told once that the link is lost',
  )
  const healed = Date.now()
  proxy.heal()
  await until(() => clients.every(({ resumes }) => resumes === 1), 5000, 'the resume')
  t.comment(`resumed ${Date.now() - healed} ms after the network was back`)
  await pause(500)

  await Promise.all(clients.map((client) => client.stop()))
  await until(() => history.complete(), 5000).catch(() => {})
  const { sent, received } = history.totals()
  t.comment(`${sent} messages sent, ${received} received`)
  t.ok(sent > 4 * (HOLE_MS / 100), 'both directions were loaded all the time')
  t.same(history.findings(), [], 'nothing lost, nothing doubled')
  t.same(
    clients.map(({ discontinuities }) => discontinuities),
    [[], []],
  )
  t.same(cluster.complaints(), [])
}
