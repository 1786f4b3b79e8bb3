/** `npm run sim -- --seed S --steps N`: as many simulated worlds as it takes, from one seed; exits 1 with a finding. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { randomFrom } from '../support/seed.ts'
import { SHAPES } from './shapes.ts'
import { World } from './world.ts'

const STEPS_PER_WORLD = 5000

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    steps: { type: 'string', default: '1000000' },
    /** Worlds with findings after which it stops. */
    broken: { type: 'string', default: '10' },
  },
})
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const steps = Number(values.steps)
if (!Number.isInteger(seed) || !Number.isInteger(steps))
  throw new Error('--seed and --steps are whole numbers')

console.log(`seed ${seed}, ${steps} steps`)
const began = performance.now()
const totals: Record<string, number> = {}
let done = 0
let broken = 0
for (let n = 0; done < steps; n++) {
  const shape = SHAPES[n % SHAPES.length]!
  const world = new World(randomFrom(seed + n), shape)
  for (let i = 0; i < STEPS_PER_WORLD; i++) await world.step()
  const findings = await world.settle()
  done += STEPS_PER_WORLD
  for (const [what, count] of Object.entries(world.counts)) totals[what] = (totals[what] ?? 0) + count
  if (findings.length === 0) continue
  broken += 1
  console.log(`seed ${seed + n}, ${JSON.stringify(shape)}:`, findings.slice(0, 5))
  if (broken >= Number(values.broken)) break
}
const seconds = (performance.now() - began) / 1000
console.log(totals)
console.log(`${done} steps, ${Math.round(done / seconds)} steps/s, ${broken} worlds with findings`)
process.exitCode = broken > 0 ? 1 : 0
