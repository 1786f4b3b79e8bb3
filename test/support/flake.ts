/**
 * `npm run flake -- [--runs 20] [--minutes 40] [--since REV] [files]`: each test file that was added or changed since
 * REV (default: the last tag, else all), many times; then the whole suite three times. Stops at the cap; keeps a log.
 * Files are named as they are in test/; `npm run flake` has them compiled.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '40' },
    since: { type: 'string' },
  },
})
const runs = Number(values.runs)
const deadline = Date.now() + Number(values.minutes) * 60_000
const folder = mkdtempSync(join(tmpdir(), 'limpet-flake-'))

function git(...args: string[]): string[] {
  return execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(Boolean)
}

function changedTests(): string[] {
  const isTest = (file: string): boolean => /^test\/.*\.test\.ts$/.test(file)
  const [tag] = git('tag', '--sort=-creatordate')
  const since = values.since ?? tag
  if (!since) return git('ls-files', 'test').filter(isTest)
  return git('diff', '--name-only', '--diff-filter=d', since, '--', 'test').filter(isTest)
}

function compiled(file: string): string {
  return file.replace(/^test\/(.*)\.ts$/, 'dist/test/$1.js')
}

let failures = 0
let done = 0

function run(label: string, files: string[]): void {
  const { status, stdout, stderr } = spawnSync('npx', ['tap', 'run', ...files.map(compiled)], {
    encoding: 'utf8',
    env: { ...process.env, TAP_REPORTER: 'tap' },
    maxBuffer: 1 << 28,
  })
  done += 1
  if (status === 0) return
  failures += 1
  const log = join(folder, `${failures}-${label.replaceAll('/', '_')}.log`)
  writeFileSync(log, `${stdout}\n${stderr}`)
  console.log(`${label}: failed, see ${log}`)
}

const files = positionals.length > 0 ? positionals : changedTests()
console.log(`${files.length} files, ${runs} runs each, then the whole suite 3 times; log in ${folder}`)
// Round by round, so that a cap cuts the last rounds and not the last files.
for (let round = 0; round < runs && Date.now() < deadline; round++) {
  for (const file of files) if (Date.now() < deadline) run(file, [file])
}
for (let round = 0; round < 3 && Date.now() < deadline; round++) run('all', [])
const capped = Date.now() >= deadline ? ', capped by --minutes' : ''
console.log(`${done} runs, ${failures} failed${capped}`)
process.exitCode = failures > 0 ? 1 : 0
