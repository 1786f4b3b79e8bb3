import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Cluster, failToStart, startCluster } from './cluster.ts'
import { nothingLeft } from './nothing-left.ts'
import { isAlive } from './processes.ts'
import { ROOT } from './root.ts'
import { until } from './until.ts'

const program = join(ROOT, 'test/support/stub-server.js')
const start = async (fault: string): Promise<Cluster> => {
  const cluster = new Cluster({ program, env: { LIMPET_STUB: fault } })
  await cluster.ready()
  await until(() => cluster.workers().length === 1)
  return cluster
}

t.test('a server starts, tells its port, logs, and stops', async (t) => {
  const cluster = await startCluster(t, { program })
  t.match(cluster.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  await until(() => cluster.log().length === 2)
  t.same(cluster.log(), [
    { level: 30, msg: 'ready' },
    { level: 0, msg: 'not a log line' },
  ])
  t.same(
    cluster.complaints().map(({ msg }) => msg),
    ['not a log line'],
  )
  await until(() => cluster.workers().length === 1)
  const [worker] = cluster.workers()
  await cluster.stop()
  t.notOk(isAlive(worker!))
  t.notOk(existsSync(cluster.directory))
})

t.test('what is left behind is found', async (t) => {
  const faults: [string, RegExp][] = [
    ['orphan', /processes left behind: \d+/],
    ['file', /files left behind: left.txt/],
    ['code', /stopped with 3/],
  ]
  for (const [fault, finding] of faults) {
    const cluster = await start(fault)
    if (fault === 'orphan') {
      const [worker] = cluster.workers()
      setTimeout(() => process.kill(worker!, 'SIGKILL'), 200)
    }
    await t.rejects(cluster.stop(), finding, fault)
    t.notOk(existsSync(cluster.directory))
  }
})

t.test('a socket left behind is found', async (t) => {
  const cluster = await start('socket')
  await t.rejects(cluster.stop(), /files left behind: left.sock/)
})

t.test('a server that does not start is told with its words', async (t) => {
  t.same(await failToStart({ program, env: { LIMPET_STUB: 'fails' } }), {
    code: 2,
    stderr: 'no such application\n',
  })
  await t.rejects(
    startCluster({ teardown: () => {} }, { program, env: { LIMPET_STUB: 'fails' } }),
    /the server ended with 2: no such application/,
  )
})

nothingLeft(t)
