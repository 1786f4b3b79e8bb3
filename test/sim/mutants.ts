/**
 * `npm run mutants [-- --only NAME]`: each mistake of mutations.ts in a copy of the project of its own; the simulation
 * must find it, or the tests it names. Exits 1 when one survives, or when something is found in the project itself.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { judge, lend, mutated, snapshot, type Verdict } from './mutant.ts'
import { MUTATIONS, type Mutation } from './mutations.ts'

const AT_ONCE = 2
const SEED = 1
const STEPS = 200_000

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const chosen = MUTATIONS.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0) throw new Error(`there is no mutant "${values.only}"`)

const home = await mkdtemp(join(tmpdir(), 'mutants-'))
const clean = join(home, 'clean')
const began = performance.now()
let wrong = 0

/** Null: the project as it is, which everything must leave alone, or what the others show says nothing. */
async function examine(mutation: Mutation | null, n: number): Promise<void> {
  const directory = join(home, String(n))
  await lend(directory)
  const everything = [...new Set(chosen.flatMap(({ tests = [] }) => tests))]
  const tests = mutation ? (mutation.tests ?? []) : everything
  const verdict = await judge(mutation, directory, { root: clean, seed: SEED, steps: STEPS, tests })
  await rm(directory, { recursive: true })
  const dead = verdict.by !== null
  if (dead === (mutation === null)) wrong += 1
  console.log(lineOf(mutation, verdict))
}

function lineOf(mutation: Mutation | null, { by, steps, seconds, finding }: Verdict): string {
  const result = mutation ? (by ?? 'SURVIVES') : (by ?? 'clean')
  return [
    (mutation?.name ?? '(the project as it is)').padEnd(52),
    (mutation?.file ?? '').padEnd(30),
    result.padEnd(32),
    String(steps ?? '-').padStart(7),
    `${seconds.toFixed(1).padStart(6)} s`,
    finding,
  ].join('  ')
}

try {
  await snapshot(clean)
  // Before anything runs: a mistake that cannot be made any more.
  for (const mutation of chosen) await mutated(mutation, clean)
  console.log(`seed ${SEED}, up to ${STEPS} simulated steps for each of ${chosen.length} mutants`)
  console.log(
    `${'mutant'.padEnd(52)}  ${'file'.padEnd(30)}  ${'found by'.padEnd(32)}    steps      time  what`,
  )
  const queue = [null, ...chosen].entries()
  const work = async (): Promise<void> => {
    for (const [n, mutation] of queue) await examine(mutation, n)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
} finally {
  await rm(home, { recursive: true })
}
console.log(`${wrong} of ${chosen.length} wrong, ${Math.round((performance.now() - began) / 1000)} s`)
if (wrong > 0) process.exitCode = 1
