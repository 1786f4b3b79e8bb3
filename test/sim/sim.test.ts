/**
 * The pure core under faults: ≥ 200,000 steps with fixed seeds, and one drawn anew each run. `SEED=n` repeats one
 * world.
 */
import t from 'tap'
import { randomFrom, seeded } from '../support/seed.ts'
import { SHAPES } from './shapes.ts'
import { World, type WorldOptions } from './world.ts'

const STEPS = 5000

async function run(seed: number, options: WorldOptions): Promise<{ findings: string[]; world: World }> {
  const world = new World(randomFrom(seed), options)
  for (let i = 0; i < STEPS; i++) await world.step()
  return { findings: await world.settle(), world }
}

/** Worlds in which something was once found: seed and shape. */
const FOUND: [seed: number, shape: number][] = [[901502, 2]]

t.test('worlds in which something was found stay clean', async (t) => {
  for (const [seed, shape] of FOUND) t.same((await run(seed, SHAPES[shape]!)).findings, [], `seed ${seed}`)
})

t.test('every message exactly once and in order, or the application is told', async (t) => {
  const first = seeded(t).seed
  const seeds = [...Array.from({ length: 10 }, (_, i) => i + 1), first]
  const totals: Record<string, number> = {}
  let steps = 0
  for (const seed of seeds) {
    for (const shape of SHAPES) {
      const { findings, world } = await run(seed, shape)
      steps += world.steps
      for (const [what, count] of Object.entries(world.counts)) totals[what] = (totals[what] ?? 0) + count
      if (findings.length > 0)
        t.fail(`seed ${seed}, ${JSON.stringify(shape)}`, { findings: findings.slice(0, 10) })
    }
  }
  t.comment(`${steps} steps`, totals)
  t.ok(steps >= 200_000, `${steps} steps`)
  for (const what of ['cuts', 'resumes', 'skipped GETs', 'doubled POSTs', 'late hellos', 'restarts']) {
    t.ok(
      (totals[what] ?? 0) > 50 || (what === 'restarts' && (totals[what] ?? 0) > 5),
      `${what}: ${totals[what]}`,
    )
  }
})
