import t from 'tap'
import { type ClientOptions, parseOptions } from '../../lib/client/options.ts'

const parse = (url: string, options: ClientOptions = {}) => parseOptions(url, options, () => 'random')

t.test('URLs', async (t) => {
  const cases: Record<string, string> = {
    'http://h:8080': 'http://h:8080/api/random/',
    'http://h/': 'http://h/api/random/',
    'https://h': 'https://h/api/random/',
    'ws://h:1/deep/path': 'http://h:1/deep/path/random/',
    'wss://h/api/?a=1&b=2#x': 'https://h/api/random/?a=1&b=2',
    'http://[::1]:80': 'http://[::1]/api/random/',
    'http://me:secret@h/api': 'http://h/api/random/',
  }
  for (const [url, target] of Object.entries(cases)) t.equal(parse(url).connector.target.href, target, url)
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
