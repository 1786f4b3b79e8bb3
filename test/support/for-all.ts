/** fast-check under this project's seed: printed by each test, and `SEED=<number>` brings the same cases back. */
import fc from 'fast-check'
import { seeded } from './seed.ts'

interface Test {
  comment(...args: unknown[]): void
  pass(message: string): unknown
}

/** Fails the test by throwing, with the smallest case found. */
export function forAll<Cases extends [unknown, ...unknown[]]>(
  t: Test,
  cases: { readonly [Index in keyof Cases]: fc.Arbitrary<Cases[Index]> },
  holds: (...given: Cases) => void,
  numRuns = 300,
): void {
  const { seed } = seeded(t)
  fc.assert(fc.property(...cases, holds), { seed: seed | 0, numRuns })
  t.pass(`${numRuns} cases`)
}
