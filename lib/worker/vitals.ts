/** How this process is: told to the primary once it has asked for it, for the admin side. */
import cluster from 'node:cluster'
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { isToWorker, type ToPrimary, type Vitals } from '../wire/ipc.ts'
import type { WorkerState } from './state.ts'

/** What a timer that is on time measures, and what watching costs: one such timer. */
const RESOLUTION_MS = 20

/** Loop delay is since the last call. */
export function vitalsOf(state: WorkerState, rawLinks: number, delays: IntervalHistogram): Vitals {
  let links = 0
  let outboxBytes = 0
  let busBytes = 0
  for (const { link, outbox } of state.sessions.values()) {
    if (link) links += 1
    outboxBytes += outbox.bytes
  }
  for (const { outbox } of state.peers.values()) busBytes += outbox.bytes
  const late = (ns: number): number => Math.max(0, Math.round(ns / 1e6 - RESOLUTION_MS))
  const [p50, p99, max] = [delays.percentile(50), delays.percentile(99), delays.max].map(late)
  delays.reset()
  const { rss, heapUsed } = process.memoryUsage()
  return {
    sessions: state.sessions.size,
    ended: state.tombstones.size,
    links,
    rawLinks,
    rooms: state.homes.size,
    outboxBytes,
    busBytes,
    loopDelayMs: { p50: p50!, p99: p99!, max: max! },
    rssBytes: rss,
    heapBytes: heapUsed,
  }
}

/**
 * Waits for the primary's `watch`, and reports as often as that says.
 * @param rawLinks how many there are now
 */
export function reportVitals(state: WorkerState, rawLinks: () => number): void {
  // In a test's own process nobody asks, and listening would keep its channel open.
  if (!cluster.isWorker) return
  const heard = (message: unknown): void => {
    if (!isToWorker(message) || message.type !== 'watch') return
    process.off('message', heard)
    const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    delays.enable()
    const report = (): void => {
      if (!process.connected) return
      const message: ToPrimary = { type: 'vitals', vitals: vitalsOf(state, rawLinks(), delays) }
      process.send?.(message)
    }
    report()
    setInterval(report, message.everyMs).unref()
  }
  process.on('message', heard)
}
