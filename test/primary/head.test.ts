import * as fc from 'fast-check'
import t from 'tap'
import { routeOf } from '../../lib/placement.ts'
import { type Head, HeadReader } from '../../lib/primary/head.ts'

/** The first answer that is not `more`, as plain data, and how many bytes it took. */
function read(parts: readonly Uint8Array[], headBytes = 512): unknown {
  const reader = new HeadReader('/api/', headBytes)
  let head: Head = { kind: 'more' }
  for (const part of parts) {
    head = reader.push(part)
    if (head.kind !== 'more') break
  }
  if (head.kind !== 'ready') return head
  return { kind: head.kind, route: head.route, method: head.method }
}

const whole = (text: string, headBytes?: number) => read([Buffer.from(text, 'latin1')], headBytes)
const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`

t.test('routes', async (t) => {
  const routes: [string, unknown][] = [
    ['/api/abc/?EIO=4&transport=polling', { kind: 'segment', segment: 'abc' }],
    ['/api/abc?EIO=4', { kind: 'segment', segment: 'abc' }],
    ['/api/abc/more', { kind: 'segment', segment: 'abc' }],
    ['http://example.org/api/abc/', { kind: 'segment', segment: 'abc' }],
    ['/api/?EIO=4&sid=3-xyz', { kind: 'sid', slot: 3 }],
    ['/api?sid=3-xyz', { kind: 'sid', slot: 3 }],
    ['/api/?EIO=4', { kind: 'any' }],
    ['/api/?sid=%zz', { kind: 'any' }],
    ['/api//abc', { kind: 'any' }],
    ['/api/abc/?sid=3-xyz', { kind: 'segment', segment: 'abc' }],
    ['/health', { kind: 'health' }],
    ['/health?x', { kind: 'health' }],
    ['/healthy', { kind: 'any' }],
    ['/', { kind: 'any' }],
    ['//', { kind: 'any' }],
    ['//api/abc/', { kind: 'any' }],
    ['/%zz', { kind: 'any' }],
    ['*', { kind: 'any' }],
    ['http://example.org', { kind: 'any' }],
  ]
  for (const [target, route] of routes)
    t.same(whole(get(target)), { kind: 'ready', route, method: 'GET' }, target)
})

t.test('refused with 400', async (t) => {
  const bad = [
    get('/api/a%20b/'),
    get(`/api/${'x'.repeat(65)}/`),
    get('/api/a.b/?EIO=4'),
    get('http://'),
    get('ftp://a/api/abc/'),
    get('example.org:443'),
    get('/a b'),
    get('/a\x01'),
    'GET / HTTP/2.0\r\n\r\n',
    'GET / HTTP/1.1x\r\n\r\n',
    'GET  / HTTP/1.1\r\n\r\n',
    'GET /\r\n\r\n',
    'G(T / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\n\n',
    ' GET / HTTP/1.1\r\n\r\n',
    '\x16\x03\x01\x02\x00',
    'hello\n',
  ]
  for (const text of bad) t.match(whole(text), { kind: 'bad', status: 400 }, JSON.stringify(text))
})

t.test('waits for the whole head, and for no more', async (t) => {
  t.same(whole('\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r'), { kind: 'more' })
  t.match(whole('\r\n\r\nGET / HTTP/1.1\r\n\r\n'), { kind: 'ready' }, 'empty lines before, no header')
  const reader = new HeadReader('/api/', 512)
  reader.push(Buffer.from('POST / HTTP/1.1\r\nContent-Length: 4\r\n\r'))
  const head = reader.push(Buffer.from('\nbo'))
  t.match(head, { kind: 'ready', bytes: Buffer.from('POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbo') })
})

t.test('bounded', async (t) => {
  const text = get(`/${'x'.repeat(100)}`)
  t.match(whole(text, text.length), { kind: 'ready' }, 'exactly the limit')
  t.match(whole(text, text.length - 1), { kind: 'bad', status: 431 })
  t.match(whole('\r\n'.repeat(300)), { kind: 'bad', status: 431 })
  t.match(whole('a'.repeat(512)), { kind: 'bad', status: 431 })
  t.match(whole('a'.repeat(511)), { kind: 'more' })
})

t.test('the same however the bytes are split', async (t) => {
  const piece = fc.constantFrom(
    '\r\n',
    '\r',
    '\n',
    '\r\n\r\n',
    'GET ',
    '/api/',
    'abc/',
    ' HTTP/1.1\r\n',
    'Host: a\r\n',
    '\x16',
    ' ',
  )
  const text = fc.oneof(
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
    fc
      .tuple(fc.constantFrom('', '\r\n'), fc.string({ maxLength: 60 }))
      .map(([start, tail]) => start + get('/api/abc/') + tail),
  )
  fc.assert(
    fc.property(
      text,
      fc.array(fc.nat(200), { maxLength: 12 }),
      fc.integer({ min: 20, max: 120 }),
      (text, cuts, limit) => {
        const bytes = Buffer.from(text, 'latin1')
        const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
        const parts = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
        const single = [...bytes].map((byte) => Buffer.of(byte))
        const expected = JSON.stringify(read([bytes], limit))
        return (
          JSON.stringify(read(parts, limit)) === expected &&
          (bytes.length === 0 || JSON.stringify(read(single, limit)) === expected)
        )
      },
    ),
    { numRuns: 5000 },
  )
  t.pass('5000 texts')
})

t.test('a target never throws', async (t) => {
  fc.assert(
    fc.property(fc.string(), (target) => typeof routeOf(target, '/api/').kind === 'string'),
    { numRuns: 5000 },
  )
  for (const target of ['http://', '//', 'http:///api/', 'http://[', '/\\', ''])
    t.ok(routeOf(target, '/api/').kind)
})
