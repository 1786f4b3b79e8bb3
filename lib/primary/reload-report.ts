/** How the last rolling reload went, in the journal directory: `bin/serve reload` reads it there. */
import fs from 'node:fs'
import { join } from 'node:path'

export interface ReloadReport {
  /** Rises with every reload that a server of this journal was asked for. */
  readonly number: number
  /** The server's. */
  readonly pid: number
  readonly state: 'running' | 'done' | 'failed'
  /** One sentence where it failed. */
  readonly reason: string
}

export function readReloadReport(journal: string): ReloadReport {
  try {
    const report = JSON.parse(fs.readFileSync(join(journal, 'reload.json'), 'utf8')) as ReloadReport
    if (Number.isSafeInteger(report.number)) return report
  } catch {
    // There was none yet, or it is no report.
  }
  return { number: 0, pid: 0, state: 'done', reason: '' }
}

export function writeReloadReport(journal: string, report: ReloadReport): void {
  const fresh = join(journal, 'reload.json.new')
  fs.writeFileSync(fresh, JSON.stringify(report), { mode: 0o600 })
  fs.renameSync(fresh, join(journal, 'reload.json'))
}
