/** Rolling reload under load: nothing lost or doubled, one planned reconnect per client. */

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { nothingLeft } from '../support/nothing-left.ts'
import { isAlive } from '../support/processes.ts'
import { ROOT } from '../support/root.ts'
import { seeded } from '../support/seed.ts'
import { pause } from '../support/until.ts'
import { Chaos } from './chaos-run.ts'
import { askForReload, histogramOf } from './reload-gaps.ts'

/** No link is given up because the machine is busy: the one reconnect must be the planned one. */
const PATIENT = ['--ping-interval-ms', '25000', '--ping-timeout-ms', '20000']
const APPS = join(ROOT, 'test/e2e/apps')

t.test('new code, then code that is broken', async (t) => {
  const app = join(t.testdir(), 'app.js')
  copyFileSync(join(APPS, 'chaos.js'), app)
  const path = relative(APPS, app).replace(/\.js$/, '')
  const crowd = { workers: 2, clients: 12, members: 0, everyMs: 50, app: path, args: PATIENT }
  const chaos = await Chaos.begin(crowd, seeded(t))
  t.teardown(() => chaos.close())
  const { cluster, clients } = chaos
  const before = cluster.workers()

  const source = readFileSync(app, 'utf8')
  writeFileSync(app, source.replace("'pid', () => process.pid", "'pid', () => 'new '+process.pid"))
  t.same(await askForReload(cluster), { code: 0, stderr: '' })
  t.notOk(before.some(isAlive), 'all are replaced')
  t.equal(cluster.workers().length, 2)
  await chaos.connected()
  for (const { client } of clients)
    t.match(await client.emitWithAck('pid'), /^new /, 'served by the new code')
  const gaps = clients.flatMap(({ gaps }) => gaps)
  for (const line of histogramOf(gaps)) t.comment(line)
  t.same(
    clients.map(({ suspends }) => suspends),
    clients.map(() => 1),
    'one reconnect each',
  )

  const now = cluster.workers()
  writeFileSync(app, 'throw new Error("the new code is broken")')
  const { code, stderr } = await askForReload(cluster)
  t.equal(code, 1)
  t.equal(
    stderr,
    'limpet: worker 0 was not replaced: the application cannot be loaded: the new code is broken\n',
  )
  await pause(100)
  t.same(cluster.workers(), now, 'those that ran run on')
  t.ok(clients.every(({ suspends }) => suspends === 1))
  t.same(await chaos.judge(), [])
  t.comment(chaos.totals())
  t.same(
    cluster.complaints().map(({ msg }) => msg),
    ['rolling reload ended early'],
  )
})

nothingLeft(t)
