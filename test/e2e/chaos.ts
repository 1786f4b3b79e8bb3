/**
 * `npm run chaos -- --kills 200 --seed S`: kill -9 of workers and of the primary at random, under load and cuts.
 * `npm run chaos -- --points`: deaths at each named point, five times each. Exits 1 with a finding.
 */
import { randomInt } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CrashPoints } from '../support/crash-points.ts'
import { randomFrom } from '../support/seed.ts'
import { killAtRandom } from './chaos-kills.ts'
import { Chaos, unexpected } from './chaos-run.ts'
import { dieAtEachPoint } from './crash-points-run.ts'
import { linesOf } from './runs.ts'

const POINT_ROUNDS = 5

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    kills: { type: 'string', default: '200' },
    workers: { type: 'string', default: '3' },
    clients: { type: 'string', default: '16' },
    members: { type: 'string', default: '16' },
    points: { type: 'boolean', default: false },
  },
})

function whole(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number)) throw new Error(`${text} is not a whole number`)
  return number
}

const seed = values.seed === undefined ? randomInt(2 ** 31) : whole(values.seed)
const crowd = { clients: whole(values.clients), members: whole(values.members), everyMs: 80 }
const random = randomFrom(seed)
const began = performance.now()
const told = (what: string): void =>
  console.log(`${((performance.now() - began) / 1000).toFixed(1)} s: ${what}`)

/** The kills, and how many there were. */
async function kill(chaos: Chaos): Promise<unknown> {
  const plan = { primaryShare: 0.25, reshardShare: 0.5, reloadShare: 0.15, workersMax: 4 }
  return killAtRandom(chaos, { ...plan, kills: whole(values.kills) }, random, told)
}

async function dieAtPoints(chaos: Chaos, points: CrashPoints): Promise<unknown> {
  for (let round = 1; round <= POINT_ROUNDS; round++) {
    await dieAtEachPoint(chaos, points, random, (point) => told(`${point} (${round})`))
  }
  return `each point ${POINT_ROUNDS} times`
}

/** What the server said and what its handlers ran for: no run is like the one before, so a finding has only these. */
function keepEvidence({ cluster }: Chaos): string {
  const directory = mkdtempSync(join(tmpdir(), `limpet-chaos-${seed}-`))
  writeFileSync(join(directory, 'log'), cluster.stderr)
  writeFileSync(join(directory, 'runs'), linesOf(cluster).join('\n'))
  return `log and runs of handlers are in ${directory}`
}

console.log(`seed ${seed}`)
const points = values.points ? new CrashPoints() : null
const setup = points ? { workers: 2, ...points } : { workers: whole(values.workers), cuts: true }
const chaos = await Chaos.begin({ ...crowd, ...setup }, random)
try {
  told('begun')
  console.log(await (points ? dieAtPoints(chaos, points) : kill(chaos)))
  const complaints = unexpected(chaos.cluster.complaints()).map((line) => JSON.stringify(line))
  const findings = [...(await chaos.judge()), ...complaints]
  told(chaos.totals())
  for (const finding of findings) console.log(finding)
  console.log(`${findings.length} findings${findings.length > 0 ? `; ${keepEvidence(chaos)}` : ''}`)
  process.exitCode = findings.length > 0 ? 1 : 0
} catch (error) {
  console.log(error, keepEvidence(chaos))
  process.exitCode = 1
} finally {
  await chaos.close()
  points?.close()
}
