import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type ReloadReport, readReloadReport, writeReloadReport } from '../../lib/primary/reload-report.ts'

const NONE: ReloadReport = { number: 0, pid: 0, state: 'done', reason: '' }

t.test('what was written last is read, by its owner alone', async (t) => {
  const journal = t.testdir()
  t.same(readReloadReport(journal), NONE)
  t.same(readReloadReport(join(journal, 'nowhere')), NONE)
  const reports: ReloadReport[] = [
    { number: 1, pid: 7, state: 'running', reason: '' },
    { number: 1, pid: 7, state: 'failed', reason: 'worker 0 was not replaced: …' },
    { number: 2, pid: 8, state: 'done', reason: '' },
  ]
  for (const report of reports) {
    writeReloadReport(journal, report)
    t.same(readReloadReport(journal), report)
  }
  t.equal(statSync(join(journal, 'reload.json')).mode & 0o777, 0o600)
  t.same(readdirSync(journal), ['reload.json'], 'renamed into its place')
})

t.test('what is no report counts as none', async (t) => {
  for (const content of ['', '{"number":1', '{}', '[]', 'null', '{"number":"1"}', '{"number":1.5}']) {
    const journal = t.testdir({ 'reload.json': content })
    t.same(readReloadReport(journal), NONE, content)
  }
})

t.test('half a report of a death in between is not read', async (t) => {
  const journal = t.testdir()
  const report: ReloadReport = { number: 3, pid: 7, state: 'done', reason: '' }
  writeReloadReport(journal, report)
  writeFileSync(join(journal, 'reload.json.new'), '{"number":4,"sta')
  t.same(readReloadReport(journal), report)
  writeReloadReport(journal, { ...report, number: 4 })
  t.equal(readReloadReport(journal).number, 4)
  t.notOk(existsSync(join(journal, 'reload.json.new')))
})
