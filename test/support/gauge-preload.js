/**
 * Loaded into every process of a server (`node --expose-gc --import`): at SIGUSR2 it writes what it holds, behind garbage
 * collections, into the directory GAUGES.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

process.on('SIGUSR2', async () => {
  globalThis.gc()
  // What the first one found dead is swept beside, and counted until then.
  await pause(100)
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  const resources = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  const file = join(process.env.GAUGES, String(process.pid))
  writeFileSync(`${file}.new`, JSON.stringify({ heapBytes: heapUsed + external, resources }))
  renameSync(`${file}.new`, file)
})
