/** The table of a bench, as text. */
import type { Metric } from './job.ts'
import { isMet, type Result, Runs, type Spread, spreadOf } from './result.ts'
import { RIVAL, type StackName } from './stacks.ts'
import { type Bar, GROWTH_BAR, WORKLOADS, type Workload } from './workloads.ts'

interface Column {
  readonly title: string
  readonly digits: number
}

const COLUMNS: Readonly<Record<Metric, Column>> = {
  cpu: { title: 'µs CPU', digits: 2 },
  rate: { title: 'deliveries/s', digits: 0 },
  p50: { title: 'p50 ms', digits: 1 },
  p99: { title: 'p99 ms', digits: 1 },
  flush: { title: 'per write', digits: 1 },
  memory: { title: 'MB', digits: 0 },
  idle: { title: 'kB/session', digits: 1 },
  connect: { title: 'CPU-s/1000', digits: 3 },
  connects: { title: 'connects/s', digits: 0 },
  lost: { title: 'lost', digits: 0 },
  level: { title: 'MB at a third', digits: 1 },
  growth: { title: 'MB more at the end', digits: 1 },
  bus: { title: 'messages', digits: 2 },
}

/** Past this share of its core a generator may be what limits. */
export const GENERATOR_BOUND = 0.9
/** Past this share of a core others distort what is measured: those who batch gain by it, the rest lose. */
const OTHERS_BUSY = 0.3

function figureText(spread: Spread | null, digits: number): string {
  if (!spread || Number.isNaN(spread.median)) return '–'
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  )
  return min === max ? median! : `${median} [${min}–${max}]`
}

export function report(result: Result): string {
  const runs = new Runs(result.runs)
  const measured = WORKLOADS.filter(({ name }) => result.runs.some(({ workload }) => workload === name))
  const { cpu, cores, node, versions } = result.machine
  const stacks = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${result.date}, ${cores} × ${cpu}, Node ${node}, ${stacks.join(', ')}`,
    `median [min–max] of ${result.rounds} × ${result.seconds} s; ratios to ${RIVAL} in the same round`,
    ...measured.map((workload) => block(workload, runs)),
    ...growthLines(measured, runs),
  ].join('\n\n')
}

function block(workload: Workload, runs: Runs): string {
  const { name, title, metrics, stacks, bars } = workload
  const first = metrics[0]!
  const head = ['', ...metrics.flatMap((metric) => titlesOf(metric, first)), 'generator', 'others']
  const rows = stacks
    .filter((stack) => runs.of(name, stack).length > 0)
    .map((stack) => [
      stack,
      ...metrics.flatMap((metric) => cellsOf(runs, name, stack, metric, first)),
      generatorText(runs, name, stack),
      othersText(runs, name, stack),
    ])
  const verdicts = bars.flatMap((bar) => verdict(runs, name, bar))
  const faults = stacks.flatMap((stack) =>
    runs
      .of(name, stack)
      .flatMap(({ round, faults }) => faults.map((fault) => `  INVALID ${stack}, round ${round}: ${fault}`)),
  )
  return [`${title} (${name})`, ...aligned([head, ...rows]), ...verdicts, ...faults].join('\n')
}

function titlesOf(metric: Metric, first: Metric): string[] {
  const { title } = COLUMNS[metric]
  return metric === first ? [title, 'ratio'] : [title]
}

function cellsOf(runs: Runs, workload: string, stack: StackName, metric: Metric, first: Metric): string[] {
  const cell = figureText(runs.figure(workload, stack, metric), COLUMNS[metric].digits)
  if (metric !== first) return [cell]
  return [cell, stack === RIVAL ? '' : figureText(runs.ratio(workload, stack, metric, RIVAL), 2)]
}

function generatorText(runs: Runs, workload: string, stack: StackName): string {
  const shares = runs.of(workload, stack).map(({ generator }) => generator)
  const most = Math.max(...shares)
  return `${Math.round(most * 100)} %${most > GENERATOR_BOUND ? ' generator-bound' : ''}`
}

/** The median: one other program that starts up spoils one run. */
function othersText(runs: Runs, workload: string, stack: StackName): string {
  const { median } = spreadOf(runs.of(workload, stack).map(({ others }) => others))!
  return `${Math.round(median * 100)} %${median > OTHERS_BUSY ? ' busy' : ''}`
}

function verdict(runs: Runs, workload: string, bar: Bar): string[] {
  const spread = runs.barred(workload, bar)
  if (!spread) return []
  const { stack, metric, sense, against, aim } = bar
  const wanted = `${sense} ${bar.bar}${aim === undefined ? '' : `, aim ${aim}`}`
  const text = figureText(spread, against === null ? COLUMNS[metric].digits : 2)
  const what =
    against === null
      ? `${text} ${COLUMNS[metric].title}`
      : `${text} × the ${COLUMNS[metric].title} of ${against}`
  return [`  ${isMet(bar, spread) ? 'met   ' : 'MISSED'} ${stack}: ${what} (${wanted})`]
}

function growthLines(measured: readonly Workload[], runs: Runs): string[] {
  const groups = new Set(measured.flatMap(({ growth }) => growth ?? []))
  return [...groups].flatMap((group) => {
    const figures = measured
      .filter(({ growth }) => growth === group)
      .map(({ name, stacks }) => runs.figure(name, stacks[0]!, 'cpu')?.median ?? Number.NaN)
    const ratio = Math.max(...figures) / Math.min(...figures)
    if (figures.length < 2 || Number.isNaN(ratio)) return []
    const verdict = ratio <= GROWTH_BAR ? 'met   ' : 'MISSED'
    return [
      `  ${verdict} growth of ${group}: ${ratio.toFixed(2)} × the smallest CPU per delivery (at most ${GROWTH_BAR})`,
    ]
  })
}

/** Columns two spaces apart; all but the first to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
}
