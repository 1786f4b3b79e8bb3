/** Whole runs of a world: drawn from a seed, performed from a list of steps, and the shortest list that still fails. */
import { randomFrom } from '../support/seed.ts'
import { FIELDS, type Step } from './steps.ts'
import { World, type WorldOptions } from './world.ts'

export interface Run {
  readonly world: World
  /** What must not have happened; what was thrown is a finding too. */
  readonly findings: readonly string[]
}

export function simulate(seed: number, options: WorldOptions, steps: number): Promise<Run> {
  return run(new World(randomFrom(seed), options), async (world) => {
    for (let i = 0; i < steps; i++) {
      const pending = world.step()
      if (pending) await pending
    }
  })
}

/** @param prepare breaks something, to see whether it is found */
export function replay(
  options: WorldOptions,
  steps: readonly Step[],
  prepare: (world: World) => void = () => {},
): Promise<Run> {
  return run(new World(randomFrom(0), options), async (world) => {
    prepare(world)
    for (const step of steps) await world.perform(step)
  })
}

async function run(world: World, act: (world: World) => Promise<void>): Promise<Run> {
  try {
    await act(world)
    return { world, findings: await world.settle() }
  } catch (error) {
    return { world, findings: [...world.findings, String(error)] }
  } finally {
    world.end()
  }
}

type Fails = (steps: readonly Step[]) => Promise<boolean>

/** Fewer and smaller steps that still fail, until none can be left out. */
export async function shrink(steps: readonly Step[], fails: Fails): Promise<Step[]> {
  let left = [...steps]
  for (let before = Number.POSITIVE_INFINITY; left.length < before; ) {
    before = left.length
    left = await fewer(left, fails)
    left = await smaller(left, fails)
  }
  return left
}

/** Leaves out ever smaller parts. */
async function fewer(steps: Step[], fails: Fails): Promise<Step[]> {
  let left = steps
  for (let size = Math.ceil(left.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = left.length - 1; at >= 0; at -= size) {
      const without = left.toSpliced(Math.max(0, at - size + 1), size)
      if (await fails(without)) left = without
    }
  }
  return left
}

/** The first link, page or worker, and the smallest of all else: what then does the same as others can go. */
async function smaller(steps: Step[], fails: Fails): Promise<Step[]> {
  let left = steps
  for (const at of left.keys()) {
    for (const [field, choice] of FIELDS[left[at]!.do]) {
      const least = 'min' in choice ? Math.max(0, choice.min) : choice[0]
      const changed = left.with(at, { ...left[at]!, [field]: least } as Step)
      if (await fails(changed)) left = changed
    }
  }
  return left
}
