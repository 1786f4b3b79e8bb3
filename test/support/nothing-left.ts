/** The last test of a file: nothing of what the others started is still there. */
import type { Test } from 'tap'
import { childrenOf, commandOf } from './processes.ts'
import { until } from './until.ts'

/** Closing takes a few turns of the loop; more than this is a leak. */
const SETTLE_MS = 2000

const isStdio = (name: string): boolean => name === 'PipeWrap' || name === 'TTYWrap'
const stdioAtStart = process.getActiveResourcesInfo().filter(isStdio).length

/** What keeps this process alive, but for the stdio it was born with. */
export function handlesLeft(): string[] {
  let stdio = 0
  return process.getActiveResourcesInfo().filter((name) => !isStdio(name) || ++stdio > stdioAtStart)
}

/** Living children, but for the one that loads TypeScript. */
export function childrenLeft(): string[] {
  return childrenOf(process.pid)
    .map(commandOf)
    .filter((command) => command !== '' && !command.includes('esbuild'))
}

/** Call it behind all other tests of the file. */
export function nothingLeft(t: Test): void {
  t.test('nothing is left: no socket, no timer, no child', async (t) => {
    const left = (): string[] => [...handlesLeft(), ...childrenLeft()]
    await until(() => left().length === 0, SETTLE_MS).catch(() => {})
    t.same(left(), [])
  })
}
