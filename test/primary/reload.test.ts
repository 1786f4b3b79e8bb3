/** Rolling reload of a whole primary, with fixture workers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readReloadReport } from '../../lib/primary/reload-report.ts'
import { echo, exchange, GET_HEALTH, post, startPrimary } from './fixtures/primary.ts'

t.test('workers are replaced one by one, and nobody is refused meanwhile', async (t) => {
  const journal = mkdtempSync(join(tmpdir(), 'test-reload-'))
  t.teardown(() => rmSync(journal, { recursive: true }))
  const { primary, port } = await startPrimary(t, ['--workers', '2', '--journal', journal])
  const before = primary.pids
  const generations = new Set<number>()
  let asked = 0
  let stop = false
  const load = Promise.all(
    ['a', 'b', 'c', 'd', '/page'].map(async (name) => {
      while (!stop) {
        const reply = await exchange(port, [post(name === '/page' ? name : `/api/${name}/`, name)])
        asked += 1
        if (reply.status !== 200) t.fail(`${name}: ${reply.head}`)
        else generations.add(echo(reply).generation)
      }
    }),
  )
  t.equal(readReloadReport(journal).number, 0)
  const done = primary.reload()
  t.equal(await primary.reload(), 'a reload is under way')
  t.match(readReloadReport(journal), { number: 1, state: 'running' })
  t.equal(await done, null)
  t.match(readReloadReport(journal), { number: 1, state: 'done' })
  await exchange(port, [post('/page', '')])
  stop = true
  await load
  t.ok(asked > 10, `${asked} requests`)
  t.ok(generations.has(3) || generations.has(4), [...generations].join())
  t.equal(new Set([...before, ...primary.pids]).size, 4, 'other processes')
  t.equal((await exchange(port, [GET_HEALTH])).status, 200)
})

for (const [app, reason] of [
  ['new-code-throws', 'worker 0 was not replaced: the application threw: new'],
  ['new-code-dies', 'worker 0 was not replaced: the new worker exited with 4'],
] as const) {
  t.test(`${app}: the old one stays`, async (t) => {
    const { primary, port } = await startPrimary(t, ['--workers', '2'], app)
    const before = primary.pids
    t.equal(await primary.reload(), reason)
    t.same(primary.pids, before)
    t.equal((await exchange(port, [post('/api/a/', '')])).status, 200)
    t.equal((await exchange(port, [GET_HEALTH])).status, 200)
    t.equal(await primary.reload(), reason, 'and it can be tried again')
  })
}

t.test('a stop in the middle of it', async (t) => {
  const { primary } = await startPrimary(t, ['--workers', '2'])
  void primary.reload()
  primary.stop()
  t.same(await primary.ended, { kind: 'stopped' })
})
