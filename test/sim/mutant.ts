/** The project with one mistake in lib, and what finds it: the simulation first, then the tests it names. */

import { spawn } from 'node:child_process'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { ROOT } from '../support/root.ts'
import type { Mutation } from './mutations.ts'

const COPIED = ['lib', 'test', 'package.json', 'tsconfig.json']
/** Of the simulation and of each test file; far more than they need: what takes longer will not end. */
const LIMIT_MS = 90_000

export interface Search {
  /** Of the project, or of a snapshot; default: the project. */
  readonly root?: string
  /** The simulation's first seed and its steps. */
  readonly seed: number
  readonly steps: number
  /** Run one after another where the simulation finds nothing. */
  readonly tests: readonly string[]
}

export interface Verdict {
  /** `simulation`, or the test file; null: nothing was found. */
  readonly by: string | null
  readonly seconds: number
  /** What was simulated until then; null: the simulation has nothing of that file, or was torn down by it. */
  readonly steps: number | null
  /** The first thing that was wrong. */
  readonly finding: string
}

/** The project as it is now: later edits do not reach it. */
export async function snapshot(directory: string, of = ROOT): Promise<void> {
  for (const path of COPIED) await cp(join(of, path), join(directory, path), { recursive: true })
  await lend(directory)
}

/** What runs in the directory finds the packages. */
export async function lend(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
}

/** The file with the mistake in it. Throws where the text to replace is not there exactly once. */
export async function mutated({ name, file, from, to }: Mutation, root = ROOT): Promise<string> {
  const [before, after, ...more] = (await readFile(join(root, file), 'utf8')).split(from)
  if (after === undefined || more.length > 0)
    throw new Error(`${name}: what it replaces is not in ${file}, or more than once`)
  return before + to + after
}

/**
 * @param mutation null: the project as it is
 * @param directory of its own
 */
export async function judge(mutation: Mutation | null, directory: string, search: Search): Promise<Verdict> {
  const { root = ROOT, seed, steps, tests } = search
  const began = performance.now()
  let simulated: number | null = null
  const verdict = (by: string | null, output = ''): Verdict => {
    const seconds = (performance.now() - began) / 1000
    return { by, seconds, steps: simulated, finding: firstOf(output) }
  }
  const bundle = join(directory, 'run.mjs')
  const files = await bundled(mutation, root, bundle)
  if (!mutation || files.includes(mutation.file)) {
    const options = ['--seed', String(seed), '--steps', String(steps), '--broken', '1']
    const { failed, output } = await run(directory, [bundle, ...options])
    simulated = Number(/^(\d+) steps, \d+ steps\/s/m.exec(output)?.[1]) || null
    if (failed) return verdict('simulation', output)
  }
  if (tests.length > 0) {
    const copy = join(directory, 'copy')
    await snapshot(copy, root)
    if (mutation) await writeFile(join(copy, mutation.file), await mutated(mutation, root))
    for (const test of tests) {
      const { failed, output } = await run(copy, ['--import=tsx', test])
      if (failed) return verdict(test, output)
    }
  }
  return verdict(null)
}

/** The simulation as one file, which starts in no time. @returns what is in it */
async function bundled(mutation: Mutation | null, root: string, outfile: string): Promise<string[]> {
  const mistake: Plugin = {
    name: 'mistake',
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, async ({ path }) =>
        mutation && path === join(root, mutation.file)
          ? { contents: await mutated(mutation, root), loader: 'ts' }
          : null,
      ),
  }
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['test/sim/run.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    plugins: [mistake],
    metafile: true,
    logLevel: 'error',
  })
  return Object.keys(metafile.inputs)
}

interface Run {
  readonly failed: boolean
  readonly output: string
}

function run(cwd: string, args: string[]): Promise<Run> {
  // Nothing of a runner that this may run in; a test file stops at its first failure.
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, args, { cwd, env: { PATH, HOME, TAP_BAIL: '1' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const timer = setTimeout(() => {
    output += '\nhung: it does not end'
    child.kill('SIGKILL')
  }, LIMIT_MS)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ failed: code !== 0, output })
    })
  })
}

/** Of the simulation the first finding, of tests the one that failed, else what was thrown. */
function firstOf(output: string): string {
  const found =
    /^seed \d+, .*: \[\s*(['"])(.*?)\1(?:,| \]|$)/m.exec(output)?.[2] ??
    /# Subtest: (?!.*# Subtest: .*\n\s*not ok)(.*)\n(?:(?!.*# Subtest: ).*\n)*?\s*not ok/.exec(output)?.[1] ??
    /^(?:\w*Error: .*|hung: .*)$/m.exec(output)?.[0] ??
    ''
  return found.replace(/\s+/g, ' ').slice(0, 90)
}
