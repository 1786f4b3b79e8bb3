import t from 'tap'
import { LimpetError } from '../../lib/wire/codes.ts'
import { Frame, parseFrame } from '../../lib/wire/frames.ts'
import { type EventKind, frameOf, jsonObject } from '../../lib/worker/outgoing.ts'

/** The code that a call throws; an error of another kind is a bug. */
function codeOf(call: () => unknown): string | null {
  try {
    call()
    return null
  } catch (error) {
    if (error instanceof LimpetError) return error.code
    throw error
  }
}

const ring: Record<string, unknown> = {}
ring.ring = ring

t.test('an event becomes a frame of its kind', async (t) => {
  const kinds: EventKind[] = ['event', 'question', 'volatile']
  for (const kind of kinds) {
    const frame = frameOf(kind, 'a', [1, new Uint8Array([2])], 1000)
    t.ok(frame instanceof Frame)
    const event = { name: 'a', args: [1, new Uint8Array([2])] }
    const expected =
      kind === 'volatile'
        ? { type: 'volatile', event }
        : { type: 'event', event, wantsAnswer: kind === 'question' }
    t.strictSame(parseFrame(frame.data, 'server'), expected)
  }
})

t.test('names', async (t) => {
  const wrong = [
    '',
    'x'.repeat(257),
    'state',
    'connect',
    'suspend',
    'resume',
    'discontinuity',
    'close',
    7,
    undefined,
  ]
  for (const name of wrong)
    t.equal(
      codeOf(() => frameOf('event', name as string, [], 1000)),
      'name_invalid',
      String(name),
    )
  for (const name of ['open', 'message', '__proto__', 'x'.repeat(256)])
    t.ok(frameOf('event', name, [], 1000), name)
})

t.test('arguments', async (t) => {
  const deep = JSON.parse(`${'['.repeat(300)}${']'.repeat(300)}`) as unknown
  for (const value of [
    1n,
    ring,
    deep,
    { toJSON: () => ring },
    {
      toJSON: () => {
        throw new Error('no')
      },
    },
  ])
    t.equal(
      codeOf(() => frameOf('event', 'a', [value], 1000)),
      'arguments_invalid',
    )
})

t.test('the payload limit is in bytes of the whole frame', async (t) => {
  // e["a","…"]
  t.equal(frameOf('event', 'a', ['x'.repeat(90)], 99).size, 99)
  t.equal(
    codeOf(() => frameOf('event', 'a', ['x'.repeat(91)], 99)),
    'payload_too_large',
  )
  t.equal(
    codeOf(() => frameOf('event', 'a', ['€'.repeat(31)], 99)),
    'payload_too_large',
  )
  t.equal(frameOf('event', 'a', ['€'.repeat(30)], 99).size, 99)
  t.equal(
    codeOf(() => frameOf('event', 'a', [new Uint8Array(100)], 99)),
    'payload_too_large',
  )
})

t.test('session data is a JSON object of its own', async (t) => {
  const given = { a: { b: [1] }, at: new Date(0), gone: undefined }
  const data = jsonObject(given, 1000)
  t.strictSame(data, { a: { b: [1] }, at: '1970-01-01T00:00:00.000Z' })
  given.a.b.push(2)
  t.strictSame(data.a, { b: [1] })
  const pollution = jsonObject(JSON.parse('{"__proto__":{"x":1}}'), 1000)
  t.equal((pollution as { x?: number }).x, undefined)
  t.equal(Object.getPrototypeOf(pollution), Object.prototype)
})

t.test('session data that is none', async (t) => {
  const values = [undefined, null, 1, 'a', [], () => {}, 1n, ring, { big: 1n }, new Date(0), Symbol('s')]
  for (const value of values)
    t.equal(
      codeOf(() => jsonObject(value, 1000)),
      'arguments_invalid',
      typeof value,
    )
})

t.test('session data past the payload limit, in bytes', async (t) => {
  t.ok(jsonObject({ a: 'x'.repeat(92) }, 100))
  t.equal(
    codeOf(() => jsonObject({ a: 'x'.repeat(93) }, 100)),
    'payload_too_large',
  )
  t.equal(
    codeOf(() => jsonObject({ a: '€'.repeat(31) }, 100)),
    'payload_too_large',
  )
})
