/**
 * `npm run sim -- --seed S --steps N`: as many simulated worlds as it takes, from one seed; exits 1 with a finding.
 * `--shrink` prints the fewest steps that lead to the first one, for `found.ts`.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { replay, shrink, simulate } from './replay.ts'
import { SHAPES } from './shapes.ts'
import type { World } from './world.ts'

const STEPS_PER_WORLD = 5000

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    steps: { type: 'string', default: '1000000' },
    /** Worlds with findings after which it stops. */
    broken: { type: 'string', default: '10' },
    shrink: { type: 'boolean', default: false },
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
  const { world, findings } = await simulate(seed + n, shape, STEPS_PER_WORLD)
  done += STEPS_PER_WORLD
  for (const [what, count] of Object.entries(world.counts)) totals[what] = (totals[what] ?? 0) + count
  if (findings.length === 0) continue
  broken += 1
  console.log(`seed ${seed + n}, ${JSON.stringify(shape)}:`, findings.slice(0, 5))
  if (values.shrink && broken === 1) await printFewest(world, findings[0]!)
  if (broken >= Number(values.broken)) break
}
const seconds = (performance.now() - began) / 1000
console.log(totals)
console.log(`${done} steps, ${Math.round(done / seconds)} steps/s, ${broken} worlds with findings`)
process.exitCode = broken > 0 ? 1 : 0

/** Names and numbers in a finding change with what is left out. */
async function printFewest({ options, trace }: World, finding: string): Promise<void> {
  const kind = (text: string): string => text.replaceAll(/\S*\d\S*/g, '#')
  const fewest = await shrink(trace, async (steps) =>
    (await replay(options, steps)).findings.some((other) => kind(other) === kind(finding)),
  )
  console.log(fewest.map((step) => JSON.stringify(step)).join(',\n'))
}
