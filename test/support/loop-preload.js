/**
 * Loaded into every process of a server (`node --import`): at SIGUSR2 it writes how late its event loop was since the
 * last one, in ms, into the directory LOOP_DELAYS, and counts anew.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What a timer that is on time measures. */
const RESOLUTION_MS = 5
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delays.enable()

process.on('SIGUSR2', () => {
  const late = (ns) => Math.max(0, Math.round(ns / 1e6 - RESOLUTION_MS))
  const file = join(process.env.LOOP_DELAYS, String(process.pid))
  writeFileSync(`${file}.new`, JSON.stringify({ p99: late(delays.percentile(99)), max: late(delays.max) }))
  renameSync(`${file}.new`, file)
  delays.reset()
})
