/** `bin/serve reload`: asks a running server for a rolling reload, and waits until the last worker is replaced. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readReloadReport } from './primary/reload-report.ts'

const LOOK_MS = 50

/** @returns null when it is done, or one sentence */
export async function requestReload(journal: string): Promise<string | null> {
  const pid = pidIn(journal)
  if (pid === null) return `no server runs with the journal ${journal}`
  const before = readReloadReport(journal).number
  if (!signal(pid, 'SIGHUP')) return `no server runs with the journal ${journal}`
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    const { number, state, reason } = readReloadReport(journal)
    if (number > before && state === 'done') return null
    if (number > before && state === 'failed') return reason
    if (pidIn(journal) !== pid || !signal(pid, 0)) return 'the server ended meanwhile'
  }
}

function pidIn(journal: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(join(journal, 'primary.pid'), 'utf8'), 10)
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null
  } catch {
    return null
  }
}

function signal(pid: number, name: 'SIGHUP' | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}
