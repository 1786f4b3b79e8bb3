/** What a server used while something was measured, and what else ran. */
import type { Crowd } from './crowd.ts'
import type { Figures, Job } from './job.ts'
import { busy, cpuOf, pssOf, writesOf } from './usage.ts'

/** What a server, this process and the rest of the machine have used until a moment, in seconds. */
interface Mark {
  readonly at: number
  readonly server: number
  readonly own: number
  readonly busy: number
}

function mark(pids: readonly number[]): Mark {
  const { user, system } = process.cpuUsage()
  return { at: performance.now() / 1000, server: cpuOf(pids), own: (user + system) / 1e6, busy: busy() }
}

export interface Used {
  readonly seconds: number
  readonly server: number
  /** Shares of one core. */
  readonly generator: number
  readonly others: number
}

/** From here until the function it returns is called, in this process: nothing waits for another one at either edge. */
export function meter(pids: readonly number[]): () => Used {
  const begin = mark(pids)
  return () => {
    const end = mark(pids)
    const seconds = end.at - begin.at
    const server = end.server - begin.server
    const own = end.own - begin.own
    const others = Math.max(0, end.busy - begin.busy - server - own)
    return { seconds, server, generator: own / seconds, others: others / seconds }
  }
}

export interface Measured {
  readonly figures: Figures
  readonly generator: number
  readonly others: number
}

/** Deliveries from here until the function it returns is called, and what they cost. */
export function openWindow({ pids }: Job, crowd: Crowd): () => Measured {
  const latencies: number[] = []
  crowd.latencies = latencies
  const before = crowd.deliveries
  const writesBefore = writesOf(pids)
  const used = meter(pids)
  return () => {
    const { seconds, server, generator, others } = used()
    const deliveries = crowd.deliveries - before
    const writes = writesOf(pids) - writesBefore
    crowd.latencies = null
    latencies.sort((a, b) => a - b)
    const figures = {
      cpu: (server * 1e6) / deliveries,
      rate: deliveries / seconds,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      flush: deliveries / writes,
      memory: pssOf(pids) / 1024,
    }
    return { figures, generator, others }
  }
}

/** @param sorted NaN where it is empty */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
