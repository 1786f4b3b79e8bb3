/** Many clients under load while their connections are cut at random; shared by the e2e tests of each transport. */
import type { Test } from 'tap'
import type { ClientOptions } from '../../lib/client/index.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { type FaultPlan, plague } from './faults.ts'
import { History } from './history.ts'
import { LoadedClient } from './load.ts'
import { type FaultProxy, startProxy } from './proxy.ts'
import { type Random, seeded } from './seed.ts'
import { pause, until } from './until.ts'

export interface CutsOptions {
  readonly clients: number
  readonly cuts: number
  /** The cuts must have happened by then. */
  readonly limitMs: number
  readonly plan: FaultPlan
  readonly client: Partial<ClientOptions>
  /** What happens beside the cuts. */
  readonly meanwhile?: (proxy: FaultProxy, random: Random, clients: LoadedClient[]) => Promise<void>
}

/** Short probes, so that a half-open link is noticed inside a test; an outbox that a bad second cannot fill. */
const OUTBOX_BYTES = 8 * 1024 * 1024
const ARGS = ['--ping-interval-ms', '300', '--ping-timeout-ms', '700', '--outbox-bytes', String(OUTBOX_BYTES)]

/** Zero findings, zero discontinuities, nobody closed. */
export async function surviveCuts(t: Test, options: CutsOptions): Promise<LoadedClient[]> {
  const random = seeded(t)
  const cluster = await startCluster(t, { app: 'load', args: ARGS })
  const proxy = await startProxy(cluster.port)
  t.teardown(() => proxy.stop())
  const history = new History()
  const clients = await crowd(t, cluster, proxy, history, random, options)

  const heal = plague(proxy, random, options.plan)
  t.teardown(heal)
  const brokenBefore = proxy.broken
  const cutsSoFar = (): number => proxy.broken - brokenBefore
  // The connections of the calm time before have no end of their own.
  proxy.cutAll()
  const cuts = until(() => cutsSoFar() >= options.cuts, options.limitMs, 'the cuts').finally(() =>
    t.comment(`${cutsSoFar()} cuts, ${proxy.made} connections`),
  )
  await Promise.all([cuts, options.meanwhile?.(proxy, random, clients)])
  heal()
  await Promise.all(clients.map((client) => client.stop()))
  await roomIsQuiet(history)

  const { sent, received } = history.totals()
  t.comment(`${sent} messages sent, ${received} received`)
  t.ok(received > 1000, 'both directions were loaded')
  t.same(history.findings(), [], 'nothing lost, doubled, reordered, altered; every send settled')
  t.same(
    clients.map(({ discontinuities }) => discontinuities),
    clients.map(() => []),
    'no session was lost',
  )
  t.ok(
    clients.every(({ resumes }) => resumes > 0),
    'every client came back at least once',
  )
  t.same(cluster.complaints(), [])
  return clients
}

async function crowd(
  t: Test,
  cluster: Cluster,
  proxy: FaultProxy,
  history: History,
  random: Random,
  options: CutsOptions,
): Promise<LoadedClient[]> {
  const names = Array.from({ length: options.clients }, (_, i) => `c${i}`)
  const clients = names.map((name, i) => {
    const client = {
      outboxBytes: OUTBOX_BYTES,
      ...options.client,
      segment: cluster.segmentOn(i % cluster.slots),
    }
    const load = { everyMs: 50, room: 'common', client }
    return new LoadedClient(proxy.url, name, names, history, random.fork(), load)
  })
  t.teardown(() => Promise.all(clients.map((client) => client.close())))
  // Nobody publishes before all are members: then each member must see all.
  await Promise.all(clients.map(({ client }) => client.emitWithAck('enter', 'common')))
  await Promise.all(clients.map((client) => client.start()))
  return clients
}

/** Room messages may still be on their way from other workers when their publishers have stopped. */
async function roomIsQuiet(history: History): Promise<void> {
  await until(() => history.complete(), 5000).catch(() => {})
  await pause(100)
}
