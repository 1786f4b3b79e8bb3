/** What a server used while deliveries came. */
import type { Crowd } from './crowd.ts'
import type { Figures, Job } from './job.ts'
import { cpuOf, pssOf, writesOf } from './usage.ts'

interface Mark {
  readonly at: number
  readonly cpu: number
  readonly writes: number
  readonly deliveries: number
  readonly own: number
}

function mark(job: Job, deliveries: number): Mark {
  const { user, system } = process.cpuUsage()
  const [cpu, writes] = [cpuOf(job.pids), writesOf(job.pids)]
  return { at: performance.now(), cpu, writes, deliveries, own: (user + system) / 1e6 }
}

export interface Measured {
  readonly figures: Figures
  readonly generator: number
}

/** From `begin` to `end`, in this process: nothing waits for another one at either edge. */
export class Window {
  readonly #job: Job
  readonly #crowd: Crowd
  readonly #begin: Mark

  constructor(job: Job, crowd: Crowd) {
    this.#job = job
    this.#crowd = crowd
    crowd.latencies = []
    this.#begin = mark(job, crowd.deliveries)
  }

  end(): Measured {
    const [begin, end] = [this.#begin, mark(this.#job, this.#crowd.deliveries)]
    const latencies = this.#crowd.latencies!.sort((a, b) => a - b)
    this.#crowd.latencies = null
    const seconds = (end.at - begin.at) / 1000
    const deliveries = end.deliveries - begin.deliveries
    const figures = {
      cpu: ((end.cpu - begin.cpu) * 1e6) / deliveries,
      rate: deliveries / seconds,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      flush: deliveries / (end.writes - begin.writes),
      memory: pssOf(this.#job.pids) / 1024,
    }
    return { figures, generator: (end.own - begin.own) / seconds }
  }
}

/** @param sorted NaN where it is empty */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
