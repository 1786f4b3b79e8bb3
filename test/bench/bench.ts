/**
 * `npm run bench -- --only room,echo --rounds 3 --seconds 4`: limpet beside Socket.IO and others, on this machine, in
 * turns. `--json FILE` keeps the result; `--check [FILE]` compares with one, by default with the last that was not a
 * check. `--stacks a,b` leaves the others out, `--connects N` shortens the look for leaks,
 * `--profile DIR` leaves CPU profiles of all server processes there (and makes the figures worse),
 * `--patience S` waits up to so many seconds before each run until little else runs on the machine.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../support/root.ts'
import { pause } from '../support/until.ts'
import { incomparable, isOtherDay, moved } from './check.ts'
import type { Job, Outcome, Shape } from './job.ts'
import { GENERATOR_BOUND, report } from './report.ts'
import type { Machine, Result, Run } from './result.ts'
import { type RunningStack, STACKS, type Stack, type StackName, startStack } from './stacks.ts'
import { busy } from './usage.ts'
import { WORKLOADS, type Workload } from './workloads.ts'

const WARM_MS = 5000
/** Of the last result, unless it was a check. */
const STORED = join(tmpdir(), 'limpet-bench.json')
/** Cores in use. */
const QUIET = 0.3
/** No run takes this long; a generator that hangs must not hang the bench. */
const RUN_MS = 600_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    stacks: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    connects: { type: 'string' },
    profile: { type: 'string' },
    patience: { type: 'string', default: '0' },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
  },
})
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
const profiles = values.profile === undefined ? null : resolve(values.profile)

interface Task {
  readonly workload: Workload
  readonly stack: StackName
  readonly round: number
}

/** Round by round; within a workload the stacks take turns, each round another one first. */
function plan(): Task[] {
  const names = split(values.only)
  const stacks = split(values.stacks)
  const workloads = WORKLOADS.filter(({ name }) => names.length === 0 || names.some((n) => isMeant(name, n)))
  return Array.from({ length: rounds }, (_, round) =>
    workloads.flatMap((workload) => {
      if (workload.once && round > 0) return []
      const wanted = workload.stacks.filter((stack) => stacks.length === 0 || stacks.includes(stack))
      const first = round % Math.max(1, wanted.length)
      const order = [...wanted.slice(first), ...wanted.slice(0, first)]
      return order.map((stack) => ({ workload, stack, round: round + 1 }))
    }),
  ).flat()
}

/** By its name, or else by how that begins. */
function isMeant(name: string, text: string): boolean {
  return WORKLOADS.some((workload) => workload.name === text) ? name === text : name.startsWith(text)
}

function split(list: string): string[] {
  return list.split(/,(?! )/).filter((part) => part !== '')
}

function shapeOf(shape: Shape): Shape {
  return shape.kind === 'leak' && values.connects ? { ...shape, connects: Number(values.connects) } : shape
}

async function measure({ workload, stack }: Task): Promise<Outcome> {
  const { dialect, affinity = false, tls = false }: Stack = STACKS[stack]
  const running = await startStack(STACKS[stack], workload.probed === true, profiles)
  try {
    const { port, pids, probe } = running as RunningStack
    const shape = shapeOf(workload.shape)
    const times = { warmMs: WARM_MS, windowMs: seconds * 1000 }
    return await generate({ shape, dialect, port, pids, affinity, tls, probe, ...times })
  } finally {
    await running.stop()
  }
}

function invalid(fault: string): Outcome {
  return { figures: {}, generator: 0, others: 0, faults: [fault] }
}

async function generate(job: Job): Promise<Outcome> {
  const generator = fork(join(import.meta.dirname, 'generator.ts'), { execArgv: ['--import=tsx'] })
  const ended = once(generator, 'exit')
  const late = setTimeout(() => generator.kill('SIGKILL'), RUN_MS)
  generator.send(job)
  try {
    const [answer] = await Promise.race([once(generator, 'message'), ended.then(() => [null])])
    return (
      (answer as Outcome | null) ?? { figures: {}, generator: 0, others: 0, faults: ['the generator ended'] }
    )
  } finally {
    clearTimeout(late)
    generator.kill('SIGKILL')
    await ended
  }
}

/** Returns when others leave the machine alone, or patience ends. */
async function quiet(): Promise<void> {
  const deadline = performance.now() + Number(values.patience) * 1000
  while (performance.now() < deadline) {
    const [before, began] = [busy(), performance.now()]
    await pause(500)
    if ((busy() - before) / ((performance.now() - began) / 1000) < QUIET) return
  }
}

function machine(): Machine {
  const version = (name: string): string => {
    const file = join(ROOT, name === 'limpet' ? '' : `node_modules/${name}`, 'package.json')
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  }
  const names = ['limpet', 'socket.io', '@socket.io/sticky', '@socket.io/cluster-adapter', 'engine.io', 'ws']
  const versions = Object.fromEntries(names.map((name) => [name, version(name)]))
  return { cpu: cpus()[0]!.model.trim(), cores: cpus().length, node: process.versions.node, versions }
}

function stored(file: string): Result {
  return JSON.parse(readFileSync(file, 'utf8')) as Result
}

function compare(now: Result, file: string): void {
  const before = stored(file)
  const reason = incomparable(before, now)
  if (reason !== null) {
    console.log(`\nnothing to check: ${reason}`)
    process.exitCode = 1
    return
  }
  if (isOtherDay(before, now))
    console.log(`\nthe stored result is of another day (${before.date}): trust ratios only`)
  const lines = moved(before, now)
  console.log(`\nagainst ${before.date}: ${lines.length === 0 ? 'nothing moved beyond the spread' : ''}`)
  for (const line of lines) console.log(`  ${line}`)
}

/** What a watcher wants to know at once. */
function progress({ figures, generator, faults }: Outcome): string {
  const texts = Object.entries(figures).map(([metric, value]) => `${metric} ${value.toPrecision(4)}`)
  if (generator > GENERATOR_BOUND) texts.push('generator-bound')
  return [...texts, ...faults.map((fault) => `INVALID: ${fault}`)].join(', ')
}

const tasks = plan()
if (tasks.length === 0) {
  console.error(`nothing to do; workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}
const runs: Run[] = []
let interrupted = false
process.on('SIGINT', () => {
  interrupted = true
})
for (const [i, task] of tasks.entries()) {
  const { workload, stack, round } = task
  process.stderr.write(`${i + 1}/${tasks.length} round ${round} ${workload.name}, ${stack}: `)
  await quiet()
  const outcome = await measure(task).catch((error: Error) => invalid(error.message))
  // The signal reaches servers and generator as well; what was measured before is still worth a table.
  if (interrupted) break
  process.stderr.write(`${progress(outcome)}\n`)
  runs.push({ workload: workload.name, stack, round, ...outcome })
}
const result: Result = { date: new Date().toISOString(), machine: machine(), rounds, seconds, runs }
console.log(report(result))
if (values.json) writeFileSync(values.json, JSON.stringify(result))
if (values.check) compare(result, positionals[0] ?? STORED)
else writeFileSync(STORED, JSON.stringify(result))
