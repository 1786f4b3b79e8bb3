/** What browsers load of the client, and what a page's author is told to write. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { SHORTENED } from '../lib/bundle.ts'
import { ROOT } from './support/root.ts'

/** All that a page loads, minified and compressed. */
const BYTES_MAX = 13_500

const at = (name: string): string => join(ROOT, 'dist/lib/chat/public', name)
const read = (path: string): string => readFileSync(path, 'utf8')

for (const name of ['client.js', 'client.mjs']) {
  t.test(name, async (t) => {
    const code = read(at(name))
    const { length } = gzipSync(code, { level: 9 })
    t.ok(length <= BYTES_MAX, `${length} bytes`)
    t.notMatch(code, /node:|\brequire\b|\bimport\s*\(|\bprocess\b/, 'nothing of Node')
    t.match(code, new RegExp(`//# sourceMappingURL=${name}.map\n$`))
    const map = JSON.parse(read(at(`${name}.map`))) as { sources: string[]; sourcesContent: string[] }
    const client = map.sources.findIndex((source) => source.endsWith('lib/client/client.ts'))
    t.match(map.sourcesContent[client], 'class LiveClient')
  })
}

t.test('the script has the global limpet, the module has exports', async (t) => {
  const context: { limpet?: Record<string, unknown>; [name: string]: unknown } = {
    Uint32Array,
    performance,
    crypto,
    setTimeout,
  }
  runInNewContext(read(at('client.js')), context)
  const module: Record<string, unknown> = await import(pathToFileURL(at('client.mjs')).href)
  for (const has of [context.limpet, module]) {
    t.same(Object.keys(has ?? {}).sort(), ['LimpetError', 'connect'])
    const LimpetError = has?.LimpetError as new (code: string) => Error
    t.match(new LimpetError('outbox_full'), { code: 'outbox_full', retry: 'none', hint: /settled/ })
    t.match(new LimpetError('link_lost'), { retry: 'now' })
  }
})

t.test('no name is shortened that anybody else knows', async (t) => {
  const snapshot = ['segment', 'owner', 'key', 'id', 'payloadBytes', 'sent', 'base', 'baseCheck']
  const known = new Set([...snapshot, 'received', 'check', 'outbox'])
  const members = (path: string, from = '', to = from): void => {
    const text = read(join(ROOT, path))
    const part = text.slice(text.indexOf(from), to === from ? undefined : text.indexOf(to))
    for (const [, name] of part.matchAll(/(?:readonly |^ {2})(\w+)\??[:(<]/gm)) known.add(name!)
  }
  members('lib/client/api.ts')
  members('lib/client/options.ts', 'export interface ClientOptions', 'export interface ParsedOptions')
  members('lib/client/progress.ts', 'export type Progress', '/** Less')
  members('lib/client/effects.ts', 'export interface Discontinuity', 'export interface ClientEffects')
  members('lib/wire/frames.ts', '/** C→S, first on every link', 'export type AnswerResult')
  members('lib/wire/codes.ts', 'export class LimpetError')
  for (const name of ['retryInMs', 'auth', 'missed', 'graceMs', 'instance', 'hint', 'total', 'storage'])
    t.ok(known.has(name), `the test knows ${name}`)
  t.same(
    SHORTENED.filter((name) => known.has(name)),
    [],
  )
  t.equal(new Set(SHORTENED).size, SHORTENED.length)
})

const REACT = `declare module 'react' {
  export function useState<T>(first: T): [T, (next: T) => void]
  export function useEffect(effect: () => () => void, inputs: readonly unknown[]): void
}`
const EVENTS = `interface ToServer { say(text: string): string }
interface ToClient { said(name: string, text: string): void }`
const USE = `export function Last(): string {
  const [name, text] = useEvent('said') ?? ['nobody', '']
  return name.toUpperCase() + text.length
}
// @ts-expect-error no such event
useEvent('shouted')`

t.test("README's hook for React compiles", async (t) => {
  const [hook] = /(?<=```tsx\n)[^`]+/.exec(read(join(ROOT, 'README.md'))) ?? []
  t.ok(hook)
  t.ok(hook!.split('\n').filter((line) => line !== '').length <= 15)
  const folder = t.testdir({ 'react.d.ts': REACT, 'hook.tsx': `${EVENTS}\n${hook}\n${USE}` })
  const files = ['react.d.ts', 'hook.tsx'].map((name) => join(folder, name))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--ignoreConfig', '--types', 'node']
  const format = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,dom', '--jsx', 'react-jsx']
  try {
    // Without the hooks that the runner gives to each child, and the compiler's entry does not bear.
    const command = ['-i', process.execPath, tsc, ...options, ...format, ...files]
    execFileSync('env', command, { cwd: ROOT, encoding: 'utf8' })
  } catch (error) {
    t.fail(`${(error as { stdout: string }).stdout}${String(error)}`)
  }
})
