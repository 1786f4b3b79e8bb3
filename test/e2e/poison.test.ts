/** A message that kills its process each time it is handled: it is given up, and nobody else suffers for it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'
import { askForReload } from './reload-gaps.ts'
import { linesOf, RUNS_ENV } from './runs.ts'

t.test('poison', async (t) => {
  const cluster = await startCluster(t, { app: 'chaos', env: RUNS_ENV })
  const lost: string[] = []
  const open = (transport: 'websocket' | 'polling'): Client => {
    const client = connect(cluster.url, {
      segment: cluster.segmentOn(0),
      transports: [transport],
      reconnectDelayMs: 20,
      reconnectDelayMaxMs: 200,
    })
    client.on('discontinuity', ({ code }) => lost.push(code))
    return client
  }
  const all = [open('websocket'), open('websocket'), open('polling')] as const
  const [poisoner, ...others] = all
  t.teardown(() => {
    for (const client of all) client.close()
  })
  for (const client of all) t.equal(await client.emitWithAck('up', 1, 'x'), 1)

  poisoner.emit('up', 2, 'before')
  const die = poisoner.emitWithAck('die')
  const behind = poisoner.emitWithAck('up', 3, 'behind')
  const meanwhile = others.map((client) => client.emitWithAck('up', 2, 'x'))
  await t.rejects(die, { code: 'poison' })
  t.equal(await behind, 3, 'what stands behind it is handled')
  t.same(await Promise.all(meanwhile), [2, 2])

  const runs = linesOf(cluster).filter((line) => line.includes(' die '))
  const [id] = runs[0]!.split(' ')
  t.same(
    runs,
    [`${id} die first`, ...Array.from({ length: 3 }, () => `${id} die again`)],
    'three further attempts',
  )
  for (const client of all) {
    const data = (await client.emitWithAck('data')) as { opens: number; up: number }
    t.same([data.opens, data.up], [1, client === poisoner ? 3 : 2], 'opened once, each message counted once')
  }
  t.same(lost, [])
  t.same(
    cluster.complaints().map(({ msg }) => msg),
    [
      ...Array.from({ length: 4 }, () => 'worker was killed by SIGKILL'),
      'a message is skipped: the process died each time it was handled',
    ],
  )
})

t.test('a handler that outlives its processes, each of which ends in order', async (t) => {
  const cluster = await startCluster(t, { app: 'chaos', workers: 1, env: RUNS_ENV })
  const [asker, other] = [connect(cluster.url), connect(cluster.url)]
  t.teardown(() => {
    asker.close()
    other.close()
  })
  const answer = asker.emitWithAck('long')
  const runs = (): string[] => linesOf(cluster).filter((line) => line.includes(' long '))
  await until(() => existsSync(join(cluster.directory, RUNS_ENV.CHAOS_RUNS)) && runs().length === 1)
  // More often than a message may take its process down.
  for (let n = 2; n <= 5; n++) {
    t.same(await askForReload(cluster), { code: 0, stderr: '' })
    await until(() => runs().length === n)
  }
  await other.emitWithAck('finish', 'well')
  t.equal(await answer, 'well')
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
