/** The command from outside: exit codes, and one line for what is wrong. Needs dist. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './support/root.ts'

const SERVE = join(ROOT, 'bin/serve')
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

interface Run {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly exit: Promise<number | null>
}

/** The runner's NODE_OPTIONS come back into every child, and break a program without an extension. */
function run(args: string[], cwd: string, program = SERVE): Run {
  const child = spawn('env', ['-u', 'NODE_OPTIONS', program, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const exit = once(child, 'close').then(([code]) => code as number | null)
  return { child, stdout: () => stdout, stderr: () => stderr, exit }
}

async function listening(server: Run): Promise<string> {
  while (!server.stdout().includes('\n')) {
    const ended = await Promise.race([
      once(server.child.stdout as NodeJS.ReadableStream, 'data'),
      server.exit,
    ])
    if (!Array.isArray(ended)) throw new Error(`exit ${ended}: ${server.stderr()}`)
  }
  return server.stdout()
}

t.test('help and version', async (t) => {
  const help = run(['--help'], t.testdir({}))
  t.equal(await help.exit, 0)
  t.match(help.stdout(), /--grace-ms MS/)
  const version = run(['--version'], t.testdir({}))
  t.equal(await version.exit, 0)
  t.equal(version.stdout(), `${manifest.version}\n`)
})

t.test('wrong: one line, exit 1, no stack', async (t) => {
  const busy = net.createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  t.teardown(() => busy.close())
  const { port } = busy.address() as net.AddressInfo
  const wrong: [string[], RegExp][] = [
    [['--prot', '1'], /^limpet: Unknown option '--prot'/],
    [['--port', 'x'], /^limpet: --port must be/],
    [['missing.js'], /^limpet: there is no application file missing\.js$/],
    [['.'], /^limpet: there is no application file \.$/],
    [['--port', `${port}`, '--no-journal'], /^limpet: port \d+ of 127\.0\.0\.1 is in use$/],
    [['--port', '0', '--journal', '/dev/null'], /^limpet: the journal \/dev\/null cannot be used: /],
  ]
  const cwd = t.testdir({})
  for (const [args, line] of wrong) {
    const server = run(args, cwd)
    t.equal(await server.exit, 1, args.join(' '))
    t.equal(server.stdout(), '')
    const lines = server.stderr().split('\n')
    t.match(lines, [line, ''])
    t.equal(lines.length, 2)
  }
})

t.test('not built', async (t) => {
  const cwd = t.testdir({ bin: {} })
  mkdirSync(join(cwd, 'bin'), { recursive: true })
  copyFileSync(SERVE, join(cwd, 'bin', 'serve'))
  copyFileSync(join(ROOT, 'package.json'), join(cwd, 'package.json'))
  const server = run([], cwd, join(cwd, 'bin', 'serve'))
  t.equal(await server.exit, 1)
  t.match(server.stderr(), /^limpet: cannot start; is it built\? \(npm run build\) ERR_MODULE_NOT_FOUND\n$/)
})

t.test('an application that throws', async (t) => {
  const cwd = t.testdir({ 'app.mjs': 'throw new Error("no database")' })
  const server = run(
    ['app.mjs', '--port', '0', '--no-journal', '--workers', '2', '--log-level', 'silent'],
    cwd,
  )
  t.equal(await server.exit, 1)
  t.match(server.stderr(), /^limpet: the application cannot be loaded: no database\n$/)
})

t.test('serves, names itself, keeps its journal to itself, and stops', async (t) => {
  const cwd = t.testdir({})
  const server = run(['--port', '0', '--workers', '2'], cwd)
  t.match(await listening(server), /^limpet listening on http:\/\/127\.0\.0\.1:[1-9][0-9]*\/\n$/)
  t.equal(readFileSync(join(cwd, '.limpet', 'primary.pid'), 'utf8'), `${server.child.pid}\n`)
  const second = run(['--port', '0'], cwd)
  t.equal(await second.exit, 1)
  t.equal(
    second.stderr(),
    `limpet: the journal .limpet is in use by another server (pid ${server.child.pid})\n`,
  )
  server.child.kill('SIGHUP')
  await once(server.child.stderr as NodeJS.ReadableStream, 'data')
  t.match(server.stderr(), /rolling reload begins/)
  server.child.kill('SIGINT')
  server.child.kill('SIGTERM')
  t.equal(await server.exit, 0)
  t.equal(server.stdout().split('\n').length, 2, 'one line on stdout')

  const key = readFileSync(join(cwd, '.limpet', 'placement.key'))
  const killed = run(['--port', '0', '--workers', '1'], cwd)
  await listening(killed)
  killed.child.kill('SIGKILL')
  await killed.exit
  const third = run(['--port', '0', '--workers', '1'], cwd)
  await listening(third)
  t.same(
    readFileSync(join(cwd, '.limpet', 'placement.key')),
    key,
    'free again after kill -9, with the same key',
  )
  third.child.kill('SIGTERM')
  t.equal(await third.exit, 0)
})
