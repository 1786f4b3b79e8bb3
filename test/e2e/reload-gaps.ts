/** A rolling reload as `bin/serve reload` asks for it, and how long each client was without its session. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { Cluster } from '../support/cluster.ts'
import { ROOT } from '../support/root.ts'

const SERVE = join(ROOT, 'bin/serve')
const RELOAD_MS = 120_000

export function askForReload({ journal }: Cluster): Promise<{ code: number; stderr: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env
  return new Promise((resolve) => {
    const options = { env, timeout: RELOAD_MS }
    execFile(
      'env',
      ['-u', 'NODE_OPTIONS', SERVE, 'reload', '--journal', journal],
      options,
      (error, _stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? -1) : 0, stderr })
      },
    )
  })
}

const BOUNDS_MS = [50, 100, 150, 200, 300, 500, 1000, 2000, 5000]

/** One line for each bucket that has any, and the percentiles. */
export function histogramOf(gaps: readonly number[]): string[] {
  const sorted = [...gaps].sort((a, b) => a - b)
  const percentile = (p: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0)
  let from = 0
  const lines = [...BOUNDS_MS, Number.POSITIVE_INFINITY].flatMap((to) => {
    const count = sorted.filter((ms) => ms >= from && ms < to).length
    const line = `${String(from).padStart(5)} ms and more: ${count}`
    from = to
    return count > 0 ? [line] : []
  })
  return [
    ...lines,
    `${sorted.length} gaps: p50 ${percentile(0.5)}, p90 ${percentile(0.9)}, p99 ${percentile(0.99)}, ` +
      `most ${Math.round(sorted.at(-1) ?? 0)} ms`,
  ]
}
