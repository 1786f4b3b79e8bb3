import { availableParallelism } from 'node:os'
import t from 'tap'
import { type Options, parseOptions } from '../lib/options.ts'

function run(argv: string[], env: Record<string, string> = {}): Options {
  const parsed = parseOptions(argv, env)
  if (parsed.kind !== 'run') throw new Error(JSON.stringify(parsed))
  return parsed.options
}

t.test('defaults of the contract', async (t) => {
  t.match(run([]), {
    port: 8080,
    host: '127.0.0.1',
    path: '/api/',
    adminPort: 0,
    origin: 'same',
    trustProxy: 'none',
    workers: availableParallelism(),
    graceMs: 120_000,
    outboxBytes: 1_048_576,
    payloadBytes: 4_194_304,
    headBytes: 16_384,
    headMs: 5000,
    helloMs: 5000,
    shutdownMs: 5000,
    journal: '.limpet',
    flushMs: 0,
    handlerMs: 0,
    bus: 'local',
    logLevel: 'info',
  })
  t.match(parseOptions([], {}), { kind: 'run', app: null })
  t.match(parseOptions(['./app.js', '--port', '1'], {}), { kind: 'run', app: './app.js' })
})

t.test('flag, then environment, then default', async (t) => {
  const env = { LIMPET_GRACE_MS: '7', LIMPET_LOG_LEVEL: 'warn', LIMPET_PORT: '' }
  t.match(run([], env), { graceMs: 7, logLevel: 'warn', port: 8080 })
  t.match(run(['--grace-ms=9'], env), { graceMs: 9 })
})

t.test('journal', async (t) => {
  t.equal(run(['--no-journal']).journal, null)
  t.equal(run([], { LIMPET_NO_JOURNAL: '1' }).journal, null)
  t.equal(run(['--journal', 'd'], { LIMPET_NO_JOURNAL: '1' }).journal, 'd', 'a flag wins')
  t.equal(run(['--no-journal'], { LIMPET_JOURNAL: 'd' }).journal, null)
  t.equal(run([], { LIMPET_JOURNAL: 'd' }).journal, 'd')
  t.match(parseOptions(['--journal', 'd', '--no-journal'], {}), { kind: 'wrong' })
  t.match(parseOptions([], { LIMPET_JOURNAL: 'd', LIMPET_NO_JOURNAL: 'true' }), { kind: 'wrong' })
})

t.test('path always ends with a slash', async (t) => {
  t.equal(run(['--path', '/x']).path, '/x/')
  t.equal(run(['--path', '/a/b/']).path, '/a/b/')
})

t.test('one clear line for what is wrong', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['--prot', '1'], /^Unknown option '--prot' \(see --help\)$/],
    [['--fsync=1'], /--fsync/],
    [['app.js', '--demo'], /^--demo is for the built-in chat alone/],
    [['--port'], /--port/],
    [['--port', '-1'], /--port/],
    [['--port', '65536'], /^--port must be a whole number from 0 to 65535/],
    [['--port', '1e3'], /--port/],
    [['--port', ''], /--port/],
    [['--grace-ms', '2147483648'], /^--grace-ms must be a whole number of milliseconds/],
    [['--workers', '0'], /--workers/],
    [['--history', '100001'], /^--history must be a whole number from 0 to 100000/],
    [['--history-age-ms', '1h'], /^--history-age-ms must be a whole number of milliseconds from 0/],
    [['--empty-rooms', '0'], /^--empty-rooms must be a whole number from 1/],
    [['--empty-rooms-bytes', '64M'], /^--empty-rooms-bytes must be a whole number of bytes/],
    [['--public-bytes', '5000'], /^--public-bytes must be a whole number of bytes from 2 to 4096/],
    [['--head-bytes', '16k'], /^--head-bytes must be a whole number of bytes/],
    [['--path', '/'], /--path/],
    [['--path', 'api'], /--path/],
    [['--host', ''], /--host/],
    [['--trust-proxy', 'proxy.example'], /^--trust-proxy must be none, or loopback/],
    [['--origin', 'app.example'], /^--origin must be same, \*, null or origins like/],
    [['--origin', 'https://a.example/'], /--origin/],
    [['--origin', 'same, *'], /--origin/],
    [['--bus', 'nats'], /--bus must be local/],
    [['--log-level', 'loud'], /--log-level/],
    [['--payload-bytes', '5000000'], /--taken-bytes/],
    [['--no-journal=1'], /--no-journal/],
    [['a.js', 'b.js'], /b\.js/],
    [['top'], /\.\/top/],
    [['reload', '--no-journal'], /reload finds the server by its journal/],
    [['--journal-failure', 'ignore'], /--journal-failure must be memory or stop/],
    [['--park-ms', '-1'], /--park-ms/],
    [['--handover-ms', '0'], /--handover-ms/],
    [['--tls-cert', 'a.pem'], /^--tls-cert and --tls-key belong together/],
    [['--tls-key', 'a.pem'], /^--tls-cert and --tls-key belong together/],
  ]
  for (const [argv, message] of wrong) {
    const parsed = parseOptions(argv, {})
    t.match(parsed, { kind: 'wrong', message }, argv.join(' '))
    if (parsed.kind === 'wrong') t.notMatch(parsed.message, /\n/)
  }
  t.match(parseOptions([], { LIMPET_PORT: 'x' }), { kind: 'wrong', message: /^LIMPET_PORT must be/ })
})

t.test('fsync, demo and reload', async (t) => {
  t.equal(run([]).fsync, false)
  t.equal(run(['--fsync']).fsync, true)
  t.same([run([]).demo, run(['--demo']).demo, run([], { LIMPET_DEMO: '1' }).demo], [false, true, true])
  t.equal(run([], { LIMPET_FSYNC: '1' }).fsync, true)
  t.same(parseOptions(['reload', '--journal', 'j'], {}), { kind: 'reload', journal: 'j' })
  t.same(parseOptions(['reload'], { LIMPET_JOURNAL: 'k' }), { kind: 'reload', journal: 'k' })
  t.match(parseOptions(['./reload'], {}), { kind: 'run', app: './reload' })
})

t.test('help and version', async (t) => {
  const help = parseOptions(['--port', 'x', '--help'], {})
  t.match(help, { kind: 'help', text: /--grace-ms MS .*\(120000\)/ })
  if (help.kind === 'help') for (const line of help.text.split('\n')) t.ok(line.length <= 110, line)
  t.same(parseOptions(['--version'], {}), { kind: 'version' })
})
