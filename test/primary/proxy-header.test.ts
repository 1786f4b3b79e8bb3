import * as fc from 'fast-check'
import t from 'tap'
import { type Introduction, ProxyHeader } from '../../lib/primary/proxy-header.ts'
import { seeded } from '../support/seed.ts'

const LIMIT = 512
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** The first answer that is not `more`; what was not needed for it belongs to the rest. */
function read(parts: readonly Uint8Array[]): Introduction {
  const reader = new ProxyHeader(LIMIT)
  for (const [i, part] of parts.entries()) {
    const said = reader.push(part)
    if (said.kind === 'more') continue
    return said.kind === 'done' ? { ...said, rest: Buffer.concat([said.rest, ...parts.slice(i + 1)]) } : said
  }
  return { kind: 'more' }
}

const whole = (bytes: Uint8Array): unknown => {
  const said = read([bytes])
  return said.kind === 'done' ? [said.address, Buffer.from(said.rest).toString('latin1')] : said.kind
}
const line = (text: string) => whole(Buffer.from(text, 'latin1'))

/** Version 2. */
function binary(
  command: number,
  family: number,
  body: readonly number[],
  rest = '',
  length = body.length,
): Buffer {
  const fixed = Buffer.from([command, family, length >> 8, length & 255])
  return Buffer.concat([SIGNATURE, fixed, Buffer.from(body), Buffer.from(rest)])
}
const V4 = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0, 80]
const V6 = [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 9, ...new Array(15).fill(0), 1, 1, 2, 0, 80]
const MAPPED = [...new Array(10).fill(0), 255, 255, 192, 0, 2, 7, ...new Array(16).fill(0), 1, 2, 0, 80]

t.test('version 1', async (t) => {
  t.same(line('PROXY TCP4 192.0.2.1 10.0.0.1 56324 80\r\nGET /'), ['192.0.2.1', 'GET /'])
  t.same(line('PROXY TCP6 2001:db8::9 ::1 56324 80\r\n'), ['2001:db8::9', ''])
  t.same(line('PROXY TCP6 ::ffff:192.0.2.1 ::1 56324 80\r\n'), ['192.0.2.1', ''])
  t.same(line('PROXY UNKNOWN\r\nGET /'), [null, 'GET /'])
  t.same(line('PROXY UNKNOWN ffff:f...f:ffff 1 2\r\nGET /'), [null, 'GET /'])
  for (const bad of [
    'PROXY TCP4 2001:db8::9 ::1 1 2\r\n',
    'PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n',
    'PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n',
    'PROXY TCP4 192.0.2.1\r\n',
    'PROXY TCP5 192.0.2.1 10.0.0.1 1 2\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
    'PROXY TCP4 '.padEnd(107, '1'),
  ])
    t.equal(line(bad), 'bad', bad)
  t.equal(line('PROXY TCP4 192.0.2.1 10.0.0.1 56324 80\n'), 'more', 'until the longest there is')
})

t.test('version 2', async (t) => {
  t.same(whole(binary(0x21, 0x11, V4, 'GET /')), ['192.0.2.1', 'GET /'])
  t.same(whole(binary(0x21, 0x21, V6, 'GET /')), ['2001:db8:0:0:0:0:0:9', 'GET /'])
  t.same(whole(binary(0x21, 0x21, MAPPED)), ['192.0.2.7', ''])
  t.same(
    whole(binary(0x21, 0x11, [...V4, 3, 0, 1, 9], 'GET /')),
    ['192.0.2.1', 'GET /'],
    'with more behind it',
  )
  t.same(whole(binary(0x20, 0x00, [], 'GET /')), [null, 'GET /'], 'the proxy for itself')
  t.same(whole(binary(0x20, 0x11, V4, 'GET /')), [null, 'GET /'])
  t.same(whole(binary(0x21, 0x31, new Array(216).fill(0), 'GET /')), [null, 'GET /'], 'a unix socket')
  t.equal(whole(binary(0x21, 0x11, V4.slice(1))), 'bad', 'too short for its family')
  t.equal(whole(binary(0x21, 0x21, V4)), 'bad')
  t.equal(whole(binary(0x11, 0x11, V4)), 'bad', 'another version')
  t.equal(whole(binary(0x22, 0x11, V4)), 'bad', 'another command')
  t.equal(whole(binary(0x21, 0x11, [], '', 60_000)), 'bad', 'larger than the limit')
  t.equal(whole(binary(0x21, 0x11, V4, '', 200)), 'more')
})

t.test('no header at all', async (t) => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'POST / HTTP/1.1',
    '\r\nGET /',
    '\r\n\r\nGET /',
    'PROXX',
    'Z',
    '\x16\x03\x01',
  ])
    t.same(line(text), [null, text], JSON.stringify(text))
  for (const text of ['', 'P', 'PROXY', '\r\n\r\n', '\r\n\r\n\0\r\nQUI'])
    t.equal(line(text), 'more', JSON.stringify(text))
})

t.test('the answer does not depend on how the bytes were split, and nothing makes it throw', async (t) => {
  const { seed } = seeded(t)
  const known = [
    binary(0x21, 0x11, V4, 'GET / HTTP/1.1'),
    binary(0x21, 0x21, V6, 'GET / HTTP/1.1'),
    binary(0x20, 0, [], 'GET'),
    ...['PROXY TCP4 192.0.2.1 10.0.0.1 56324 80\r\nGET /', 'PROXY UNKNOWN\r\nGET', 'GET / HTTP/1.1'].map(
      (text) => Buffer.from(text),
    ),
  ]
  const damaged = fc
    .tuple(fc.constantFrom(...known), fc.nat(60), fc.integer({ min: 0, max: 255 }))
    .map(([bytes, at, value]) => Buffer.from(bytes.map((byte, i) => (i === at ? value : byte))))
  const any = fc.oneof(
    fc.constantFrom(...known),
    damaged,
    fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b)),
  )
  fc.assert(
    fc.property(any, fc.array(fc.nat(80), { maxLength: 8 }), (bytes, cuts) => {
      const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
      const parts = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
      const [split, once] = [read(parts), read([bytes])]
      if (split.kind !== 'done' || once.kind !== 'done') return split.kind === once.kind
      return split.address === once.address && Buffer.compare(split.rest, once.rest) === 0
    }),
    { numRuns: 3000, seed: seed | 0 },
  )
})
