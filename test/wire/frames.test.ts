import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { checksum } from '../../lib/wire/checksum.ts'
import {
  type AnswerResult,
  type Data,
  encodeAnswer,
  encodeClose,
  encodeEvent,
  encodeGone,
  encodeHello,
  encodeNumber,
  encodeVolatile,
  encodeWelcome,
  Frame,
  type From,
  isEventName,
  parseFrame,
  TYPES,
} from '../../lib/wire/frames.ts'
import { forAll } from '../support/for-all.ts'
import { anyText, arrived, sendable } from './sendable.ts'

const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
const count = fc.maxSafeNat()
const check = fc.integer({ min: 0, max: 0xffffffff })
const name = anyText.filter(isEventName)
const args = fc.array(sendable, { maxLength: 3 })

const hello = {
  version: 1,
  key: 'k',
  id: undefined,
  instance: 'i',
  attempt: 1,
  sent: 0,
  received: 0,
  check: 0,
  auth: undefined,
}
const welcome = {
  id: 's',
  from: 1,
  taken: 2,
  handled: 1,
  check: 0,
  sent: 3,
  graceMs: 1000,
  limits: { payloadBytes: 1, outboxBytes: 1 },
}

/** One frame of each type that the given side sends, and how often it is counted. */
const FRAMES: { readonly [Side in From | 'both']: readonly Data[] } = {
  client: [encodeHello(hello)],
  server: [
    encodeWelcome(welcome),
    encodeGone({ code: 'session_unknown', handled: 0, taken: 0 }),
    encodeNumber('drain', 5),
    encodeNumber('retry', 5),
  ],
  both: [
    encodeEvent('a', []),
    encodeEvent('a', [new Uint8Array(1)]),
    encodeEvent('a', [], true),
    encodeAnswer(1, { ok: true, value: new Uint8Array(1) }),
    encodeAnswer(1, { ok: false, code: 'c', message: 'm' }),
    encodeVolatile('a', []),
    encodeNumber('received', 5),
    encodeClose('c', 'r'),
  ],
}

t.test('each frame is taken from the side that may send it, and from no other', async (t) => {
  for (const frame of FRAMES.client) {
    t.ok(parseFrame(frame, 'client'), String(frame))
    t.equal(parseFrame(frame, 'server'), null, String(frame))
  }
  for (const frame of FRAMES.server) {
    t.ok(parseFrame(frame, 'server'), String(frame))
    t.equal(parseFrame(frame, 'client'), null, String(frame))
  }
  for (const frame of FRAMES.both) {
    t.ok(parseFrame(frame, 'server'), String(frame))
    t.strictSame(parseFrame(frame, 'client'), parseFrame(frame, 'server'), String(frame))
  }
  const tested = new Set(
    Object.values(FRAMES).flatMap((frames) =>
      frames.map((f) => (typeof f === 'string' ? f[0] : String.fromCharCode(f[0]!))),
    ),
  )
  t.strictSame([...tested].sort(), Object.values(TYPES).sort(), 'every type was here')
  t.equal(new Set(Object.values(TYPES)).size, Object.keys(TYPES).length, 'no two share a character')
})

t.test('events, questions and volatile ones', async (t) => {
  forAll(t, [name, args, fc.boolean()], (name, args, wantsAnswer) => {
    const event = { name, args: arrived(args) }
    assert.deepStrictEqual(parseFrame(encodeEvent(name, args, wantsAnswer), 'client'), {
      type: 'event',
      event,
      wantsAnswer,
    })
    assert.deepStrictEqual(parseFrame(encodeVolatile(name, args), 'server'), { type: 'volatile', event })
  })
})

t.test('answers', async (t) => {
  forAll(t, [count, sendable, anyText, anyText], (to, value, code, message) => {
    assert.deepStrictEqual(parseFrame(encodeAnswer(to, { ok: true, value }), 'server'), {
      type: 'answer',
      to,
      result: { ok: true, value: arrived(value) },
    })
    const result: AnswerResult = { ok: false, code, message }
    assert.deepStrictEqual(parseFrame(encodeAnswer(to, result), 'client'), { type: 'answer', to, result })
  })
  t.equal(encodeAnswer(7, { ok: true, value: undefined }), 'a[7,true]')
  t.strictSame(parseFrame('a[7,true]', 'server'), {
    type: 'answer',
    to: 7,
    result: { ok: true, value: undefined },
  })
})

t.test('a welcome need not say what the server has sent: nothing is known to be missed', async (t) => {
  const { sent, ...rest } = welcome
  const of = { ...rest, from: 7 }
  t.strictSame(parseFrame(`w${JSON.stringify(of)}`, 'server'), {
    type: 'welcome',
    welcome: { ...of, sent: 6 },
  })
  t.type(sent, 'number')
})

t.test('hello, welcome, gone, close', async (t) => {
  forAll(
    t,
    [token, fc.option(token, { nil: undefined }), count, check, fc.jsonValue(), anyText],
    (key, id, n, check, auth, reason) => {
      const hello = {
        version: n,
        key,
        id,
        instance: key,
        attempt: n,
        sent: n,
        received: n,
        check,
        auth: arrived(auth),
      }
      assert.deepStrictEqual(parseFrame(encodeHello(hello), 'client'), { type: 'hello', hello })
      const limits = { payloadBytes: n, outboxBytes: n }
      const welcome = {
        id: key,
        from: n || 1,
        taken: n,
        handled: Math.floor(n / 2),
        check,
        sent: n,
        graceMs: n,
        limits,
      }
      assert.deepStrictEqual(parseFrame(encodeWelcome(welcome), 'server'), { type: 'welcome', welcome })
      const gone = { code: reason, handled: n, taken: n }
      assert.deepStrictEqual(parseFrame(encodeGone(gone), 'server'), { type: 'gone', gone })
      const close = { code: reason, reason, instance: id }
      assert.deepStrictEqual(parseFrame(encodeClose(reason, reason, id), 'server'), { type: 'close', close })
    },
  )
})

t.test('numbers', async (t) => {
  forAll(t, [count], (n) => {
    assert.deepStrictEqual(parseFrame(encodeNumber('received', n), 'client'), { type: 'received', count: n })
    assert.deepStrictEqual(parseFrame(encodeNumber('drain', n), 'server'), { type: 'drain', afterMs: n })
    assert.deepStrictEqual(parseFrame(encodeNumber('retry', n), 'server'), { type: 'retry', afterMs: n })
  })
  for (const bad of [
    '',
    ' 1',
    '1 ',
    '-1',
    '+1',
    '1.0',
    '1e3',
    '0x1',
    '٣',
    '1\n',
    '9007199254740992',
    '00000000000000001',
  ])
    for (const type of ['r', 'd', 'y'])
      t.equal(parseFrame(type + bad, 'server'), null, JSON.stringify(type + bad))
})

t.test('malformed frames are null', async (t) => {
  const object = (type: string, good: object, changes: object): string =>
    type + JSON.stringify({ ...good, ...changes })
  const long = 'x'.repeat(65)
  const counts = [-1, 1.5, 2 ** 53, '1', null, undefined, [], true]
  const tokens = ['', long, 'a b', 'ä', 'a\n', 7, null, ['a']]
  const bad: [From, Data[]][] = [
    [
      'client',
      [
        ...['', '\0', 'x', 'E["a"]', ' e["a"]', 'e', 'e[]', 'e[1]', 'e[""]', 'e[null]', 'q[]', 'v[]'],
        `e${JSON.stringify(['x'.repeat(257)])}`,
        ...[
          'a[]',
          'a["1",true]',
          'a[-1,true]',
          'a[1]',
          'a[1,1]',
          'a[1,"true"]',
          'a[1,false]',
          'a[1,false,"c"]',
        ],
        ...['a[1,false,1,"m"]', 'a[1,false,"c",1]', 'a[1.5,true]'],
        ...[
          'h',
          'h{}',
          'hnull',
          'h[]',
          'h"x"',
          'h1',
          'c',
          'c{}',
          'c{"code":"c"}',
          'c{"code":1,"reason":""}',
          'cnull',
        ],
        ...['version', 'attempt', 'sent', 'received', 'check'].flatMap((key) =>
          counts.map((v) => object('h', hello, { [key]: v })),
        ),
        ...['key', 'instance'].flatMap((key) =>
          [...tokens, undefined].map((v) => object('h', hello, { [key]: v })),
        ),
        ...tokens.map((id) => object('h', hello, { id })),
        object('h', hello, { check: 2 ** 32 }),
      ],
    ],
    [
      'server',
      [
        ...['w', 'w{}', 'g', 'g{}', 'gnull'],
        ...['from', 'taken', 'handled', 'check', 'sent', 'graceMs'].flatMap((key) =>
          counts.map((v) => object('w', welcome, { [key]: key === 'sent' && v === undefined ? -1 : v })),
        ),
        ...tokens.map((id) => object('w', welcome, { id })),
        object('w', welcome, { from: 0 }),
        object('w', welcome, { from: 5 }),
        object('w', welcome, { handled: 3 }),
        ...[null, 1, {}, { payloadBytes: 1 }, { payloadBytes: -1, outboxBytes: 1 }].map((limits) =>
          object('w', welcome, { limits }),
        ),
        'g{"code":1,"handled":0,"taken":0}',
        ...counts.map((n) => object('g', { code: 'c', handled: 0, taken: 0 }, { taken: n })),
      ],
    ],
  ]
  for (const [from, frames] of bad)
    for (const frame of frames) t.equal(parseFrame(frame, from), null, JSON.stringify(frame).slice(0, 80))
})

t.test('frames without arguments are text only', async (t) => {
  for (const frame of [
    ...FRAMES.client,
    ...FRAMES.server,
    encodeNumber('received', 5),
    encodeClose('c', 'r'),
  ]) {
    const bytes = new TextEncoder().encode(frame as string)
    t.equal(parseFrame(bytes, 'client'), null)
    t.equal(parseFrame(bytes, 'server'), null)
  }
})

t.test('what is unknown inside a known frame is passed over: a later version may add to it', async (t) => {
  t.equal(parseFrame('a[1,true,2,3,4]', 'server')?.type, 'answer')
  t.equal(parseFrame('c{"code":"c","reason":"r","instance":7,"more":1}', 'server')?.type, 'close')
  const given = JSON.stringify({ ...welcome, more: 1, limits: { ...welcome.limits, more: 1 } })
  t.strictSame(parseFrame(`w${given}`, 'server'), { type: 'welcome', welcome })
})

t.test('a hello that is nested too deep for a walk over its auth is malformed', async (t) => {
  const auth = `${'['.repeat(300)}${']'.repeat(300)}`
  t.equal(parseFrame(`h${JSON.stringify(hello).slice(0, -1)},"auth":${auth}}`, 'client'), null)
})

t.test('parsing never throws', async (t) => {
  const types = fc.constantFrom(...Object.values(TYPES), 'x', '')
  const from = fc.constantFrom<From>('client', 'server')
  const body = fc.oneof(
    anyText,
    fc.json(),
    fc.jsonValue().map((v) => JSON.stringify([1, v])),
  )
  forAll(t, [types, body, from], (type, body, from) => void parseFrame(type + body, from), 2000)
  forAll(
    t,
    [types, fc.uint8Array({ maxLength: 200 }), from],
    (type, body, from) => {
      parseFrame(body, from)
      parseFrame(new Uint8Array([type.charCodeAt(0), ...body]), from)
      parseFrame(new Uint8Array([type.charCodeAt(0), 0, 0, 0, body.length >> 1, ...body]), from)
    },
    2000,
  )
})

t.test('a text frame never holds a raw \\x1e, whatever is put into it', async (t) => {
  const text = anyText.map((s) => `${s}\x1e`)
  forAll(t, [text, fc.jsonValue()], (text, json) => {
    const frames = [
      encodeEvent(text, [text, json]),
      encodeVolatile(text, [{ [text]: json }]),
      encodeAnswer(1, { ok: true, value: text }),
      encodeAnswer(1, { ok: false, code: text, message: text }),
      encodeHello({ ...hello, key: text, auth: { [text]: text } }),
      encodeWelcome({ ...welcome, id: text }),
      encodeGone({ code: text, handled: 0, taken: 0 }),
      encodeClose(text, text, text),
    ]
    for (const frame of frames) assert.ok(!(frame as string).includes('\x1e'))
  })
})

t.test('event names have 1 to 256 characters', async (t) => {
  for (const good of ['a', 'x'.repeat(256), '__proto__', '😀'.repeat(128)]) t.ok(isEventName(good))
  for (const bad of ['', 'x'.repeat(257), 1, null, undefined, ['a'], {}]) t.notOk(isEventName(bad))
})

t.test('a Frame knows its checksum and size', async (t) => {
  for (const data of ['e["é"]', new Uint8Array([101, 1, 2])]) {
    const { crc, size } = new Frame(data)
    t.strictSame({ crc, size }, checksum(data))
  }
})
