/** Steps as commands of fast-check: what fails is shrunk to a few steps, printed as they are written in `found.ts`. */
import fc from 'fast-check'
import { randomFrom } from '../support/seed.ts'
import { type Choice, type Do, FIELDS, STEPS, type Step } from './steps.ts'
import { World, type WorldOptions } from './world.ts'

/** What a world has to show is judged by the world: there is no second model of it. */
type Nothing = Record<string, never>

class StepCommand implements fc.AsyncCommand<Nothing, World> {
  readonly #step: Step

  constructor(step: Step) {
    this.#step = step
  }

  /** Every step fits every world. */
  check(): boolean {
    return true
  }

  async run(_model: Nothing, world: World): Promise<void> {
    await world.perform(this.#step)
  }

  toString(): string {
    return JSON.stringify(this.#step)
  }
}

function arbitraryOf(choice: Choice): fc.Arbitrary<unknown> {
  return 'min' in choice ? fc.integer(choice) : fc.constantFrom(...(choice as readonly unknown[]))
}

function commandsOf(name: Do): fc.Arbitrary<StepCommand> {
  const fields = Object.fromEntries(FIELDS[name].map(([field, choice]) => [field, arbitraryOf(choice)]))
  return fc.record({ do: fc.constant(name), ...fields }).map((step) => new StepCommand(step as Step))
}

/** Faults are as likely as `perMille` says. */
function anyStep(perMille: number): fc.Arbitrary<StepCommand> {
  const names = Object.keys(STEPS) as Do[]
  const weightOf = (name: Do): number => {
    const step = STEPS[name]
    return 'work' in step ? step.work * (1000 - perMille) : Math.max(1, step.fault) * perMille
  }
  return fc.oneof(...names.map((name) => ({ weight: weightOf(name), arbitrary: commandsOf(name) })))
}

/** Whatever steps are performed, nothing is found. `prepare` breaks something, to see whether that is found. */
export function nothingIsFound(
  options: WorldOptions,
  maxCommands: number,
  prepare: (world: World) => void = () => {},
): fc.IAsyncProperty<[Iterable<fc.AsyncCommand<Nothing, World>>]> {
  const commands = fc.commands([anyStep(options.faults)], { maxCommands, size: 'max' })
  return fc.asyncProperty(commands, async (steps) => {
    const world = new World(randomFrom(0), options)
    prepare(world)
    try {
      await fc.asyncModelRun(() => ({ model: {}, real: world }), steps)
      const findings = await world.settle()
      if (findings.length > 0) throw new Error(findings.slice(0, 5).join('\n'))
    } finally {
      world.end()
    }
  })
}
