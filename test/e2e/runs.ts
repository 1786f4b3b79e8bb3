/** What apps/chaos.js appended to its file: each run of a handler, committed or not. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from '../support/cluster.ts'

/** For the server, which runs in the cluster's directory. */
export const RUNS_ENV = { CHAOS_RUNS: 'journal/runs' }

export function linesOf(cluster: Cluster): string[] {
  return readFileSync(join(cluster.directory, RUNS_ENV.CHAOS_RUNS), 'utf8').split('\n').slice(0, -1)
}
