/** All runs of one bench, and what is made of them. */
import type { Figures, Metric } from './job.ts'
import type { Bar } from './workloads.ts'

export interface Run {
  readonly workload: string
  readonly stack: string
  readonly round: number
  readonly figures: Figures
  /** Share of one core that the generator took. */
  readonly generator: number
  /** What else ran on the machine meanwhile, in cores. */
  readonly others: number
  /** Where there are any, the run counts for nothing. */
  readonly faults: readonly string[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly node: string
  readonly versions: Readonly<Record<string, string>>
}

export interface Result {
  /** ISO 8601 */
  readonly date: string
  readonly machine: Machine
  readonly rounds: number
  readonly seconds: number
  readonly runs: readonly Run[]
}

/** Nothing was there to be measured: NaN, which JSON turns into null. */
function known(figure: number | null | undefined): number[] {
  return typeof figure === 'number' && Number.isFinite(figure) ? [figure] : []
}

/** Median, and the whole range; of an even number of values the mean of the two in the middle. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

export class Runs {
  readonly #runs: readonly Run[]

  constructor(runs: readonly Run[]) {
    this.#runs = runs
  }

  /** Of one stack under one workload, without those that count for nothing. */
  valid(workload: string, stack: string): Run[] {
    return this.of(workload, stack).filter(({ faults }) => faults.length === 0)
  }

  of(workload: string, stack: string): Run[] {
    return this.#runs.filter((run) => run.workload === workload && run.stack === stack)
  }

  figure(workload: string, stack: string, metric: Metric): Spread | null {
    return spreadOf(this.valid(workload, stack).flatMap(({ figures }) => known(figures[metric])))
  }

  /** To another stack in the same round: what else the machine did then, it did to both. */
  ratio(workload: string, stack: string, metric: Metric, against: string): Spread | null {
    const others = new Map(this.valid(workload, against).map((run) => [run.round, run.figures[metric]]))
    return spreadOf(
      this.valid(workload, stack).flatMap(({ round, figures }) => {
        const [own] = known(figures[metric])
        const [other] = known(others.get(round))
        return own === undefined || !other ? [] : [own / other]
      }),
    )
  }

  /** What is held against a bar. */
  barred(workload: string, { stack, metric, against }: Bar): Spread | null {
    return against === null
      ? this.figure(workload, stack, metric)
      : this.ratio(workload, stack, metric, against)
  }
}

export function isMet({ sense, bar }: Bar, { median }: Spread): boolean {
  return sense === 'at most' ? median <= bar : median >= bar
}
