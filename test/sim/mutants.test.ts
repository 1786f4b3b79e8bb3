/** That the simulation and its checker can fail: `npm run mutants` in small. */
import { existsSync } from 'node:fs'
import t from 'tap'
import { judge, lend, mutated, type Search } from './mutant.ts'
import { MUTATIONS } from './mutations.ts'

/** What travels, whose the session is, what the application is told, and the order of rooms. */
const SAMPLE = [
  'double one',
  'an old attempt takes over',
  'two handlers of a session at once',
  'home skips a number',
]
const SEARCH: Search = { seed: 1, steps: 10_000, tests: [] }

t.test('every mutant can be made of lib as it is', async (t) => {
  for (const mutation of MUTATIONS) {
    t.not(await mutated(mutation), null, mutation.name)
    for (const test of mutation.tests ?? []) t.ok(existsSync(test), test)
  }
  t.equal(new Set(MUTATIONS.map(({ name }) => name)).size, MUTATIONS.length, 'by names of their own')
})

t.test('the simulation finds a few of them, and nothing in the project itself', async (t) => {
  const home = t.testdir()
  await lend(home)
  for (const name of SAMPLE) {
    const mutation = MUTATIONS.find((other) => other.name === name)!
    const { by, finding } = await judge(mutation, home, SEARCH)
    t.equal(by, 'simulation', `${name}: ${finding}`)
    t.not(finding, '')
  }
  const { by, steps } = await judge(null, home, SEARCH)
  t.equal(by, null)
  t.equal(steps, SEARCH.steps)
})
