/** `bin/serve reload`: asks a running server for a rolling reload, and waits until the last worker is replaced. */
import { holderOf } from './primary/directory.ts'
import { readReloadReport } from './primary/reload-report.ts'

const LOOK_MS = 50

/** @returns null when it is done, or one sentence */
export async function requestReload(journal: string): Promise<string | null> {
  const pid = await holderOf(journal)
  if (pid === null) return `no server runs with the journal ${journal}`
  const before = readReloadReport(journal)
  if (before.state === 'running' && before.pid === pid) return 'a reload is under way'
  process.kill(pid, 'SIGHUP')
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    const { number, state, reason } = readReloadReport(journal)
    if (number > before.number && state === 'done') return null
    if (number > before.number && state === 'failed') return reason
    if ((await holderOf(journal)) !== pid) return 'the server ended meanwhile'
  }
}
