/** Whatever comes first on a connection, in whatever pieces: one answer, within the limit, and never a throw. */
import * as fc from 'fast-check'
import t from 'tap'
import { type Head, HeadReader } from '../../lib/primary/head.ts'
import { forAll } from '../support/for-all.ts'

const LIMIT = 512
/** What the acceptor reads at once. */
const CHUNK = 4096

interface Answer {
  /** `431`, `segment abc`, `sid 3`, `any`, `more` … */
  readonly what: string
  /** Bytes read when it was given, and before the last piece of them. */
  readonly read: number
  readonly before: number
}

function nameOf(head: Head): string {
  if (head.kind === 'more') return 'more'
  if (head.kind === 'bad') return String(head.status)
  const { route } = head
  if (route.kind === 'segment') return `segment ${route.segment}`
  return route.kind === 'sid' ? `sid ${route.slot}` : route.kind
}

function read(pieces: Iterable<Uint8Array>, limit = LIMIT): Answer {
  const reader = new HeadReader('/api/', limit)
  let read = 0
  for (const piece of pieces) {
    const before = read
    const head = reader.push(piece)
    read += piece.length
    if (head.kind === 'more') continue
    if (head.kind === 'ready' && head.bytes.length !== read) throw new Error('it must keep all it read')
    return { what: nameOf(head), read, before }
  }
  return { what: 'more', read, before: read }
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...new Set(at.filter((end) => end > 0 && end < bytes.length))].sort((a, b) => a - b)
  return [...ends, bytes.length].map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

const chunks = (bytes: Uint8Array): Uint8Array[] =>
  cut(
    bytes,
    Array.from({ length: Math.floor(bytes.length / CHUNK) }, (_, i) => (i + 1) * CHUNK),
  )

const singles = (bytes: Uint8Array): Uint8Array[] => [...bytes].map((byte) => Uint8Array.of(byte))

const get = (target: string, rest = ''): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${rest}\r\n`

const CORPUS: [what: string, text: string][] = [
  ['segment abc', get('/api/abc/?EIO=4&transport=polling')],
  ['segment abc', get('/api/abc?EIO=4')],
  ['sid 3', get('/api/?EIO=4&sid=3-x')],
  ['sid 0', get('/api?sid=0-x')],
  ['health', get('/health')],
  ['any', get('/')],
  ['any', get('*')],
  // Pipelined: the first one decides.
  ['segment a', get('/api/a/') + get('/api/b/')],
  ['segment a', `POST /api/a/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc${get('/api/b/')}`],
  // Absolute and other forms.
  ['segment abc', get('http://example.org/api/abc/')],
  ['segment abc', get('HTTPS://[::1]:8080/api/abc/')],
  ['any', get('http://example.org')],
  ['any', get('http://example.org?/api/abc/')],
  ['400', get('http://')],
  ['400', get('http:///api/abc/')],
  ['400', get('ftp://a/api/abc/')],
  ['400', 'CONNECT example.org:443 HTTP/1.1\r\n\r\n'],
  ['any', get('//')],
  ['any', get('//api/abc/')],
  ['any', get('/\\api/abc/')],
  // Encoded, and bytes that no target has.
  ['400', get('/api/%61bc/')],
  ['400', get('/api/..%2f..%2f/')],
  ['any', get('/%61pi/abc/')],
  ['any', get('/%00%zz')],
  ['400', get('/api/a\0c/')],
  ['400', get('/api/a c/')],
  ['400', get('/api/abc\t/')],
  ['400', get(`/api/${'x'.repeat(65)}/`)],
  ['segment a', get('/api/a/\xff\xfe')],
  // Headers are the worker's to judge: folded, empty, with NULs, without a colon.
  ['segment a', get('/api/a/', 'X: a\r\n  folded\r\n\tand again\r\n')],
  ['segment a', get('/api/a/', ':\r\nno colon\r\nX: \0\r\n')],
  ['segment a', get('/api/a/', 'X: a\n\nb\r\n')],
  ['segment a', 'GET /api/a/ HTTP/1.0\r\n\r\n'],
  ['segment a', '\r\n\r\nGET /api/a/ HTTP/1.1\r\n\r\n'],
  ['any', 'M-SEARCH * HTTP/1.1\r\n\r\n'],
  ['any', `${'A'.repeat(300)} / HTTP/1.1\r\n\r\n`],
  ['431', `${'A'.repeat(600)} / HTTP/1.1\r\n\r\n`],
  ['431', get('/', `X: ${'x'.repeat(600)}\r\n`)],
  ['431', '\r\n'.repeat(300)],
  ['400', 'GET /api/a/\r\n\r\n'],
  ['400', 'GET  /api/a/ HTTP/1.1\r\n\r\n'],
  ['400', 'GET /api/a/ HTTP/1.1\n\n'],
  ['400', 'GET /api/a/ HTTP/1.1 \r\n\r\n'],
  ['400', 'get\t/ HTTP/1.1\r\n\r\n'],
  // Other protocols: HTTP/2 and 3, TLS, PROXY 1 and 2, SSH, Redis, and none.
  ['400', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['400', 'GET / HTTP/3\r\n\r\n'],
  ['400', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['400', '\x80\x2e\x01\x03\x01'],
  ['400', `PROXY TCP4 10.0.0.1 10.0.0.2 4000 80\r\n${get('/api/a/')}`],
  ['400', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x0f\xa0\0\x50'],
  ['400', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['400', '*1\r\n$4\r\nPING\r\n'],
  ['400', '\0'],
  ['400', '\x7f'],
  ['400', ' GET / HTTP/1.1\r\n\r\n'],
  ['more', ''],
  ['more', 'GET / HTTP/1.1\r\nHost: a\r\n'],
  ['more', 'GET / HTTP/1.1\r\n\n\r\n'],
]

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')

t.test('the corpus, whole and in every two pieces, three pieces, single bytes', async (t) => {
  for (const [what, text] of CORPUS) {
    const bytes = bytesOf(text)
    t.equal(read([bytes]).what, what, JSON.stringify(text.slice(0, 60)))
    const ways = [singles(bytes)]
    // Beyond this the third piece only repeats what two have shown.
    const first = Math.min(bytes.length, 120)
    for (let i = 1; i < bytes.length; i++) {
      ways.push(cut(bytes, [i]))
      if (i < first) for (let j = i + 1; j < first; j++) ways.push(cut(bytes, [i, j]))
    }
    const wrong = ways.find((pieces) => read(pieces).what !== what)
    if (wrong) t.fail(`${JSON.stringify(text)} as ${JSON.stringify(wrong.map(String))}`)
  }
})

/** One of the corpus, or some, with bytes put in, taken out, doubled and swapped; or nothing but bytes. */
const mangled: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.array(fc.constantFrom(...CORPUS.map(([, text]) => text)), { minLength: 1, maxLength: 3 }),
    fc.array(
      fc.record({
        at: fc.nat(400),
        drop: fc.nat(6),
        put: fc.oneof(
          fc.uint8Array({ maxLength: 4 }),
          fc
            .constantFrom(
              '\r\n',
              '\n',
              '\r',
              '\r\n\r\n',
              ' ',
              '\t',
              '\0',
              ' HTTP/1.1\r\n',
              '/api/',
              '//',
              '?sid=1-a',
            )
            .map(bytesOf),
        ),
      }),
      { maxLength: 6 },
    ),
  )
  .map(([texts, edits]) => {
    let bytes: Uint8Array = bytesOf(texts.join(''))
    for (const { at, drop, put } of edits) {
      const from = Math.min(at, bytes.length)
      bytes = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + drop)])
    }
    return bytes
  })

const cases: [fc.Arbitrary<Uint8Array>, fc.Arbitrary<number[]>, fc.Arbitrary<number>] = [
  fc.oneof(mangled, fc.uint8Array({ maxLength: 3 * LIMIT })),
  fc.array(fc.nat(900), { maxLength: 20 }),
  fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(LIMIT), fc.constant(16_384)),
]

t.test('mangled heads: the same answer however they come, and none beyond the limit', async (t) => {
  forAll(
    t,
    cases,
    (bytes, at, limit) => {
      const whole = read(chunks(bytes), limit)
      for (const pieces of [cut(bytes, at), singles(bytes)]) {
        const answer = read(pieces, limit)
        if (answer.what !== whole.what) throw new Error(`'${answer.what}' instead of '${whole.what}'`)
        // Who has read this much has its answer, so that no more is ever kept than the limit and one piece.
        if (answer.before >= limit) throw new Error(`${answer.before} bytes, and no answer`)
      }
      if (read(singles(bytes), limit).read > limit) throw new Error('byte by byte it stops at the limit')
    },
    10_000,
  )
})
