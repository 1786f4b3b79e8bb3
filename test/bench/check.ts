/** What has moved between two results of one machine. */
import type { Metric } from './job.ts'
import { type Result, Runs, type Spread } from './result.ts'
import { RIVAL } from './stacks.ts'
import { WORKLOADS } from './workloads.ts'

/** A smaller change is not worth a line. */
const LEAST = 0.05

/** Why two results cannot be compared; null where they can. */
export function incomparable(before: Result, now: Result): string | null {
  const [a, b] = [before.machine, now.machine]
  if (a.cpu !== b.cpu || a.cores !== b.cores)
    return `the stored result is of another machine: ${a.cores} × ${a.cpu}, this is ${b.cores} × ${b.cpu}`
  if (a.node !== b.node) return `the stored result is of Node ${a.node}, this is ${b.node}`
  return null
}

/** Figures drift from day to day, ratios less so. */
export function isOtherDay(before: Result, now: Result): boolean {
  return before.date.slice(0, 10) !== now.date.slice(0, 10)
}

/** Beyond both spreads. */
function hasMoved(before: Spread, now: Spread): boolean {
  const apart = now.min > before.max || now.max < before.min
  return apart && Math.abs(now.median / before.median - 1) > LEAST
}

/**
 * One line for each figure that moved. With the rival in both results its ratio is compared, so that what the machine did
 * besides falls out; else the figure itself.
 */
export function moved(before: Result, now: Result): string[] {
  const [was, is] = [new Runs(before.runs), new Runs(now.runs)]
  return WORKLOADS.flatMap(({ name, stacks, metrics }) =>
    stacks.flatMap((stack) =>
      metrics.flatMap((metric) => {
        const as = stack === RIVAL ? null : ratios(was, is, name, stack, metric)
        const [a, b] = as ?? [was.figure(name, stack, metric), is.figure(name, stack, metric)]
        if (!a || !b || !hasMoved(a, b)) return []
        const change = `${b.median > a.median ? '+' : ''}${Math.round((b.median / a.median - 1) * 100)} %`
        const what = as ? `${metric}, ratio to ${RIVAL}` : metric
        return [`${name}, ${stack}, ${what}: ${text(a)} → ${text(b)} (${change})`]
      }),
    ),
  )
}

function ratios(was: Runs, is: Runs, name: string, stack: string, metric: Metric): [Spread, Spread] | null {
  const [a, b] = [was.ratio(name, stack, metric, RIVAL), is.ratio(name, stack, metric, RIVAL)]
  return a && b && [a, b]
}

function text({ median, min, max }: Spread): string {
  return `${median.toPrecision(3)} [${min.toPrecision(3)}–${max.toPrecision(3)}]`
}
