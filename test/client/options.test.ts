import t from 'tap'
import { type ClientOptions, parseOptions } from '../../lib/client/options.ts'

const parse = (url: string, options: ClientOptions = {}) => parseOptions(url, options, () => 'random')

t.test('URLs', async (t) => {
  const cases: Record<string, object> = {
    'http://h:8080': { secure: false, hostname: 'h', port: '8080', path: '/api/random/' },
    'http://h/': { port: '80', path: '/api/random/' },
    'https://h': { secure: true, port: '443' },
    'ws://h:1/deep/path': { secure: false, path: '/deep/path/random/' },
    'wss://h/api/?a=1&b=2#x': { secure: true, path: '/api/random/', query: { a: '1', b: '2' } },
    'http://[::1]:80': { hostname: '::1', port: '80' },
  }
  for (const [url, target] of Object.entries(cases)) t.match(parse(url).connector.target, target, url)
  for (const url of ['ftp://h', 'nonsense', '/relative']) t.throws(() => parse(url), TypeError, url)
})

t.test('defaults', async (t) => {
  const { connector, outboxBytes, auth } = parse('http://h')
  t.match(connector, {
    transports: ['websocket', 'polling'],
    reconnectDelayMs: 500,
    reconnectDelayMaxMs: 10_000,
    connectTimeoutMs: 10_000,
  })
  t.equal(outboxBytes, 1024 * 1024)
  t.equal(auth(), undefined)
})

t.test('auth: a value or a function', async (t) => {
  t.equal(parse('http://h', { auth: 'x' }).auth(), 'x')
  t.equal(parse('http://h', { auth: () => 'y' }).auth(), 'y')
})

t.test('what is wrong throws at once', async (t) => {
  const wrong: unknown[] = [
    { transports: [] },
    { transports: ['carrier-pigeon'] },
    { segment: '' },
    { segment: 'a/b' },
    { segment: 'x'.repeat(65) },
    { reconnectDelayMs: 0 },
    { connectTimeoutMs: Number.NaN },
    { outboxBytes: -1 },
  ]
  for (const options of wrong) t.throws(() => parse('http://h', options as ClientOptions), TypeError)
})
