/** The other end of servers/probe.js. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../support/until.ts'

/** Collects the garbage of each process. @returns what each has counted since it began */
export async function readProbes(directory: string, pids: readonly number[]): Promise<number[]> {
  const files = pids.map((pid) => join(directory, String(pid)))
  for (const file of files) rmSync(file, { force: true })
  for (const pid of pids) process.kill(pid, 'SIGUSR2')
  await until(() => files.every(existsSync), 20_000, 'the probes')
  return files.map((file) => Number(readFileSync(file, 'latin1')))
}
