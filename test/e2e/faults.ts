/**
 * `npm run faults -- --cuts 2000 --seed S --stride N`: real clients and a real cluster, and between them everything a
 * network does. On each way a session travels: a short conversation cut behind every byte (or every N), then random cuts
 * under load. Prints a table; exits 1 with a finding, or where it leaves anything behind.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { type CutsReport, sumOf } from '../support/cuts-report.ts'
import { type JourneyName, travel } from '../support/journeys.ts'
import { childrenLeft, handlesLeft } from '../support/nothing-left.ts'
import { descriptorsOf } from '../support/processes.ts'
import { randomFrom } from '../support/seed.ts'
import { until } from '../support/until.ts'

/** A conversation over HTTP is some kilobytes of headers, each cut in it a tenth of a second of CPU. */
const STRIDES: Readonly<Record<JourneyName, number>> = { websocket: 1, polling: 4, moves: 8 }
const CLIENTS = 12
const LIMIT_MS = 30 * 60_000

const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '2000' },
    seed: { type: 'string' },
    stride: { type: 'string' },
  },
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const randomCuts = Number(values.cuts)
const strideGiven = values.stride === undefined ? null : Number(values.stride)
if (![seed, randomCuts, strideGiven ?? 1].every((n) => Number.isInteger(n) && n >= 0) || strideGiven === 0)
  throw new Error('--cuts, --seed and --stride are whole numbers')

console.log(`seed ${seed}, ${randomCuts} random cuts`)
const began = performance.now()
const descriptors = descriptorsOf(process.pid)
const table: Record<string, Record<string, number>> = {}
const reports: CutsReport[] = []
const findings: string[] = []

function tell(row: string, report: CutsReport): void {
  const { findings: found, cuts, midFrame, up, down, ...rest } = report
  table[row] = { cuts, 'mid-frame': midFrame, up, down, ...rest, findings: found.length }
  findings.push(...found.map((finding) => `${row}: ${finding}`))
  reports.push(report)
}

const random = randomFrom(seed)
for (const name of Object.keys(STRIDES) as JourneyName[]) {
  const stride = strideGiven ?? STRIDES[name]
  const amount = { stride, clients: CLIENTS, cuts: Math.ceil(randomCuts / 3), limitMs: LIMIT_MS }
  const { counted, atRandom, findings: after } = await travel(name, amount, random.fork())
  tell(`${name}, every ${stride === 1 ? 'byte' : `${stride} bytes`}`, counted)
  tell(`${name}, at random`, { ...atRandom, findings: [...atRandom.findings, ...after] })
  const seconds = Math.round((performance.now() - began) / 1000)
  console.error(`${name}: done after ${seconds} s, ${findings.length} findings so far`)
}
tell('all', { ...sumOf(reports), findings: [] })
table.all!.findings = findings.length

const left = (): string[] => [...handlesLeft(), ...childrenLeft()]
const isClean = (): boolean => left().length === 0 && descriptorsOf(process.pid) <= descriptors
await until(isClean, 10_000).catch(() => {
  findings.push(`left behind: ${left()}, ${descriptorsOf(process.pid) - descriptors} descriptors`)
})
console.table(table)
for (const finding of findings.slice(0, 50)) console.log(finding)
console.log(`${findings.length} findings, seed ${seed}`)
process.exitCode = findings.length > 0 ? 1 : 0
