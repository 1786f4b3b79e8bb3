/** The steps of the simulation as fast-check draws them; `SEED=n` draws the same ones again. */
import fc from 'fast-check'
import t from 'tap'
import { seeded } from '../support/seed.ts'
import { nothingIsFound } from './commands.ts'
import { replay, shrink, simulate } from './replay.ts'
import type { Step } from './steps.ts'
import type { World } from './world.ts'

const QUIET = { workers: 2, clients: 3, faults: 0, restarts: false, rests: false }
const FAULTY = { workers: 2, clients: 3, faults: 300, restarts: true, rests: true }

t.test('nothing is found', async (t) => {
  for (const options of [QUIET, FAULTY]) {
    await fc.assert(nothingIsFound(options, 250), { seed: seeded(t).seed | 0, numRuns: 8 })
    t.pass(JSON.stringify(options))
  }
})

/** The first worker loses the `nth` message that reaches it, and says nothing. */
function loseOne(nth: number): (world: World) => void {
  return ({ nodes: [node] }) => {
    const take = node!.sessions.linkFrame.bind(node!.sessions)
    let counted = 0
    node!.sessions.linkFrame = (link, data) => {
      if (/^(\d+:)?[eq]/.test(String(data)) && ++counted === nth) return
      take(link, data)
    }
  }
}

t.test('a frame that is lost silently is found in a few steps, which can be replayed', async (t) => {
  const property = nothingIsFound(QUIET, 100, loseOne(2))
  const result = await fc.check(property, { seed: seeded(t).seed | 0, numRuns: 100 })
  t.ok(result.failed)
  // On a resume the two sides find out by themselves, and tell.
  const wrong = /: (lost|disagreement)/
  t.match(String(result.errorInstance), wrong)
  t.ok(result.counterexamplePath, `seed ${result.seed}, path ${result.counterexamplePath}`)
  const printed = String(result.counterexample?.[0]).replace(/\/\*.*\*\//, '')
  const steps = JSON.parse(`[${printed}]`) as Step[]
  t.ok(steps.length > 0 && steps.length <= 4, printed)
  t.match((await replay(QUIET, steps, loseOne(2))).findings.join(), wrong)
  t.same((await replay(QUIET, steps)).findings, [], 'nothing is wrong without it')
})

t.test('so is one in a long run', async (t) => {
  const { world } = await simulate(1, QUIET, 250)
  const isLost = async (steps: readonly Step[]): Promise<boolean> =>
    (await replay(QUIET, steps, loseOne(5))).findings.some((finding) => finding.includes('lost'))
  t.ok(await isLost(world.trace))
  const fewest = await shrink(world.trace, isLost)
  t.ok(fewest.length >= 5 && fewest.length <= 8, fewest.map((step) => JSON.stringify(step)).join())
})
