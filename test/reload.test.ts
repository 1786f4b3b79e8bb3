/** `bin/serve reload`, with this process as the server: it holds the journal, and takes the signal. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type JournalDirectory, openJournal } from '../lib/primary/directory.ts'
import { type ReloadReport, readReloadReport, writeReloadReport } from '../lib/primary/reload-report.ts'
import { requestReload } from '../lib/reload.ts'

/** @param asked what the server does on SIGHUP */
async function serverOf(t: Test, asked: (journal: string, directory: JournalDirectory) => void) {
  const journal = t.testdir()
  const opened = await openJournal(journal)
  if (!opened.ok) throw new Error(opened.reason)
  const { directory } = opened
  let signals = 0
  const heard = (): void => {
    signals += 1
    asked(journal, directory)
  }
  process.on('SIGHUP', heard)
  t.teardown(() => {
    process.off('SIGHUP', heard)
    directory.release()
  })
  return { journal, directory, signals: () => signals }
}

const report = (
  state: ReloadReport['state'],
  number: number,
  pid = process.pid,
  reason = '',
): ReloadReport => ({
  number,
  pid,
  state,
  reason,
})

t.test('no server: nobody is signalled, whatever a pid file says', async (t) => {
  const journal = t.testdir({ 'primary.pid': `${process.pid}\n` })
  let signals = 0
  const heard = (): void => {
    signals += 1
  }
  process.on('SIGHUP', heard)
  t.teardown(() => process.off('SIGHUP', heard))
  for (const directory of [journal, join(journal, 'nowhere')])
    t.equal(await requestReload(directory), `no server runs with the journal ${directory}`)
  await new Promise(setImmediate)
  t.equal(signals, 0)
})

t.test('waits until the last worker is replaced', async (t) => {
  let looks = 0
  const { journal, signals } = await serverOf(t, (journal) => {
    writeReloadReport(journal, report('running', 5))
    setTimeout(() => {
      looks += 1
      writeReloadReport(journal, report('done', 5))
    }, 120)
  })
  writeReloadReport(journal, report('failed', 4, process.pid, 'of an earlier one'))
  t.equal(await requestReload(journal), null)
  t.equal(looks, 1)
  t.equal(signals(), 1)
})

t.test('says why it failed', async (t) => {
  const { journal } = await serverOf(t, (journal) =>
    writeReloadReport(journal, report('failed', 1, process.pid, 'worker 0 was not replaced: it threw')),
  )
  t.equal(await requestReload(journal), 'worker 0 was not replaced: it threw')
})

t.test('one is under way: nobody is signalled', async (t) => {
  const { journal, signals } = await serverOf(t, () => {})
  writeReloadReport(journal, report('running', 2))
  t.equal(await requestReload(journal), 'a reload is under way')
  t.equal(signals(), 0)
})

t.test('one that its server did not live to end is not under way', async (t) => {
  const { journal } = await serverOf(t, (journal) =>
    writeReloadReport(journal, report('done', readReloadReport(journal).number + 1)),
  )
  writeReloadReport(journal, report('running', 2, process.pid + 1))
  t.equal(await requestReload(journal), null)
})

t.test('the server ends meanwhile', async (t) => {
  const { journal } = await serverOf(t, (journal, directory) => {
    writeReloadReport(journal, report('running', 1))
    directory.release()
  })
  t.equal(await requestReload(journal), 'the server ended meanwhile')
})

t.test('… and another one has begun', async (t) => {
  const { journal } = await serverOf(t, (journal) => {
    writeReloadReport(journal, report('running', 1))
    writeFileSync(join(journal, 'primary.pid'), `${process.pid + 1}\n`)
  })
  t.equal(await requestReload(journal), 'the server ended meanwhile')
})
