/**
 * The steps of a simulated world, as plain data: what a random run draws, what fast-check shrinks, and what a regression
 * test replays. Numbers that name a link, a page or a worker count among those there are: every step fits every world.
 */
import type { Random } from '../support/seed.ts'
import { WORDS } from './app.ts'

export interface Range {
  readonly min: number
  readonly max: number
}

export type Choice = Range | readonly string[] | readonly number[]
type Value<C extends Choice> = C extends readonly (infer T)[] ? T : number

const ANY = { min: 0, max: 99 } as const
/** Smallest first: that is where shrinking goes. */
const SIZES = [0, 1, 20, 40, 40, 100, 400, 3000] as const
const BYTES = [0, 1, 4, 7, 30, 100, 1000, 100_000] as const

/** How often each step is drawn among its kind: `work`, or the faults; 0 for those that only shapes with restarts have. */
export const STEPS = {
  // Applications.
  emit: {
    work: 10,
    with: {
      page: ANY,
      word: WORDS,
      room: ['a', 'b', 'c'],
      size: SIZES,
      form: ['text', 'bytes'],
      asks: { min: 0, max: 1 },
    },
  },
  wave: { work: 1, with: { page: ANY } },
  reply: { work: 2, with: { page: ANY } },
  finish: { work: 2, with: { node: ANY, nth: ANY } },
  // Links: one frame, a connection made, an end that learns of its end.
  toServer: { work: 16, with: { link: ANY } },
  toClient: { work: 16, with: { link: ANY } },
  connect: { work: 8, with: { link: ANY, works: { min: 0, max: 4 } } },
  notice: { work: 6, with: { link: ANY, end: ['server', 'client'] } },
  // Workers and the bus.
  commit: { work: 10, with: { node: ANY } },
  bus: { work: 12, with: { nth: ANY, bytes: BYTES } },
  dial: { work: 2, with: { nth: ANY } },
  noticeBus: { work: 2, with: { nth: ANY } },
  announce: { work: 1, with: { node: ANY } },
  pass: { work: 8, with: { ms: { min: 1, max: 400 } } },
  // Faults of links.
  cut: { fault: 36, with: { link: ANY, up: { min: 0, max: 3 }, down: { min: 0, max: 3 } } },
  skipGet: { fault: 8, with: { link: ANY, frames: { min: 1, max: 3 } } },
  doublePost: { fault: 8, with: { link: ANY, frames: { min: 1, max: 3 } } },
  pushPast: { fault: 12, with: { link: ANY } },
  lateHello: { fault: 10, with: { page: ANY, nth: { min: 0, max: 2 } } },
  check: { fault: 10, with: { page: ANY } },
  retry: { fault: 6, with: { link: ANY, ms: { min: 0, max: 3000 } } },
  drain: { fault: 4, with: { link: ANY, ms: { min: 0, max: 3000 } } },
  // Of pages, clocks, the bus.
  away: { fault: 3, with: { page: ANY } },
  back: { fault: 6, with: { page: ANY } },
  newPage: { fault: 2, with: { page: ANY } },
  copyPage: { fault: 2, with: { page: ANY } },
  closePage: { fault: 1, with: { page: ANY } },
  bye: { fault: 1, with: { page: ANY } },
  sleep: { fault: 1, with: { ms: { min: 5000, max: 25_000 } } },
  setClock: { fault: 2, with: { node: ANY, ms: { min: -20_000, max: 20_000 } } },
  cutBus: { fault: 10, with: { nth: ANY, bytes: BYTES } },
  /** Only where a shape has restarts. */
  restart: { fault: 0, with: { node: ANY } },
} as const satisfies Record<
  string,
  | { readonly work: number; readonly with: Record<string, Choice> }
  | { readonly fault: number; readonly with: Record<string, Choice> }
>

export type Do = keyof typeof STEPS
type With<D extends Do> = (typeof STEPS)[D]['with']
export type Step = {
  [D in Do]: { readonly do: D } & {
    readonly [F in keyof With<D>]: With<D>[F] extends Choice ? Value<With<D>[F]> : never
  }
}[Do]

/** What each step is made of, besides its name. */
export const FIELDS = Object.fromEntries(
  Object.entries(STEPS).map(([name, step]) => [name, Object.entries(step.with)]),
) as unknown as { readonly [D in Do]: readonly (readonly [field: string, choice: Choice])[] }

/** Draws one step after another; always the same ones for the same generator. */
export class Drawer {
  readonly #random: Random
  readonly #work: Do[] = []
  readonly #faults: Do[] = []
  readonly #perMille: number

  /** @param perMille chances of a fault */
  constructor(random: Random, perMille: number, restarts: boolean) {
    this.#random = random
    this.#perMille = perMille
    for (const [name, step] of Object.entries(STEPS) as [Do, (typeof STEPS)[Do]][]) {
      if ('work' in step) this.#work.push(...new Array<Do>(step.work).fill(name))
      else this.#faults.push(...new Array<Do>(step.fault).fill(name))
    }
    if (restarts) this.#faults.push('restart', 'restart')
  }

  next(): Step {
    const random = this.#random
    const faulty = random.int(0, 999) < this.#perMille
    const name = random.pick(faulty ? this.#faults : this.#work)
    const step: Record<string, unknown> = { do: name }
    for (const [field, choice] of FIELDS[name])
      step[field] = 'min' in choice ? random.int(choice.min, choice.max) : random.pick<unknown>(choice)
    return step as Step
  }
}
