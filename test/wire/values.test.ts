import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { decodeBody, encodeBody, isTooDeep } from '../../lib/wire/values.ts'
import { forAll } from '../support/for-all.ts'
import { anyText, arrived, sendable } from './sendable.ts'

function nested(depth: number, innermost: unknown = 0): unknown {
  let value = innermost
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value }
  return value
}

/** A binary body as anybody could write it. */
function binary(head: unknown, bytes: number[] = [], headLength?: number): Uint8Array {
  const text = new TextEncoder().encode(typeof head === 'string' ? head : JSON.stringify(head))
  const frame = new Uint8Array(5 + text.length + bytes.length)
  frame[0] = 101
  new DataView(frame.buffer).setUint32(1, headLength ?? text.length)
  frame.set(text, 5)
  frame.set(bytes, 5 + text.length)
  return frame
}

t.test('any JSON with bytes at any depth arrives as it was', async (t) => {
  forAll(
    t,
    [fc.array(sendable, { maxLength: 4 })],
    (body) => {
      const frame = encodeBody('e', body)
      assert.deepStrictEqual(decodeBody(frame), arrived(body))
      assert.equal(typeof frame === 'string' ? frame[0] : String.fromCharCode(frame[0]!), 'e')
    },
    1000,
  )
})

t.test('what arrives as bytes is a plain Uint8Array, also out of a Buffer at an odd place', async (t) => {
  const frame = encodeBody('e', ['a', new Uint8Array([1, 2, 3])]) as Uint8Array
  const received = Buffer.concat([Buffer.from([9, 9, 9]), frame, Buffer.from([9])]).subarray(
    3,
    3 + frame.length,
  )
  const body = decodeBody(received)
  t.strictSame(body, ['a', new Uint8Array([1, 2, 3])])
  const bytes = body![1] as Uint8Array
  t.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype)
  t.equal(bytes.buffer.byteLength, 3, 'and what stood beside it cannot be seen through it')
})

t.test('text without bytes, binary with', async (t) => {
  t.equal(encodeBody('e', ['a', { b: [1] }]), 'e["a",{"b":[1]}]')
  t.strictSame(encodeBody('e', ['a', new Uint8Array([7, 8])]), binary([['a', null], [[[1], 2]]], [7, 8]))
  t.strictSame(encodeBody('e', [new Uint8Array()]), binary([[null], [[[0], 0]]]))
})

t.test('a text body never holds a raw \\x1e: Engine.IO would split a polling payload there', async (t) => {
  forAll(t, [fc.array(fc.oneof(anyText, fc.dictionary(anyText, anyText)))], (body) => {
    assert.ok(!(encodeBody('e', body) as string).includes('\x1e'))
  })
})

t.test(
  'an object that says what it is as JSON is taken at its word, with or without bytes beside it',
  async (t) => {
    const at = new Date(0)
    class Ring {
      readonly self = this
      readonly at = at
      toJSON(key: string): unknown {
        return { key, at: this.at, inside: new Uint8Array([5]) }
      }
    }
    t.same(decodeBody(encodeBody('e', [at])), ['1970-01-01T00:00:00.000Z'])
    t.same(decodeBody(encodeBody('e', [at, new Uint8Array([1])])), [
      '1970-01-01T00:00:00.000Z',
      new Uint8Array([1]),
    ])
    const inside = new Uint8Array([5])
    t.same(decodeBody(encodeBody('e', [{ r: new Ring() }])), [{ r: { key: 'r', at: at.toJSON(), inside } }])
  },
)

t.test('what cannot be sent throws', async (t) => {
  const ring: unknown[] = []
  ring.push(ring)
  t.throws(() => encodeBody('e', [ring]))
  t.throws(() => encodeBody('e', [new Uint8Array(1), ring]))
  t.throws(() => encodeBody('e', [1n]))
  t.throws(() => encodeBody('e', [1n, new Uint8Array(1)]))
})

t.test('nesting has one limit on both sides, with and without bytes', async (t) => {
  for (const beside of [[], [new Uint8Array([1])]]) {
    // The body itself is the outermost level of 201.
    const most = [...beside, nested(200)]
    t.ok(decodeBody(encodeBody('e', most)), 'the most that is sent is taken')
    t.throws(() => encodeBody('e', [...beside, nested(201)]), RangeError)
  }
  t.notOk(isTooDeep(nested(201)))
  t.ok(isTooDeep(nested(202)))
  t.equal(decodeBody(`e[${JSON.stringify(nested(201))}]`), null)
  t.equal(decodeBody(binary([[nested(201)], []])), null)
  t.equal(decodeBody(`e${'['.repeat(1e6)}${']'.repeat(1e6)}`), null)
})

t.test('malformed bodies are null', async (t) => {
  for (const text of ['', 'e', 'e{}', 'e"a"', 'enull', 'e[', 'e[1]x', 'e[1,]', 'e[NaN]', 'e [1] [2]'])
    t.equal(decodeBody(text), null, text)
  const heads: [string, Uint8Array][] = [
    ['no bytes at all', new Uint8Array()],
    ['the type alone', new Uint8Array([101])],
    ['a length cut off', new Uint8Array([101, 0, 0, 0])],
    ['a head longer than the frame', binary([[null], [[[0], 1]]], [1], 1000)],
    ['the longest head', binary([[], []], [], 0xffffffff)],
    ['a head cut off', binary([[null], [[[0], 1]]], [1], 6)],
    ['no JSON', binary('nope')],
    ['UTF-8 that is none', binary('[["\udc00"],[]]').map((byte) => (byte > 127 ? 0xff : byte))],
    ['no pair', binary([[]])],
    ['no list of places', binary([[], {}])],
    ['a body that is no array', binary([{ a: null }, [[['a'], 1]]], [1])],
    ['bytes left over', binary([[null], [[[0], 1]]], [1, 2])],
    ['bytes missing', binary([[null], [[[0], 3]]], [1, 2])],
    [
      'bytes missing for the second',
      binary(
        [
          [null, null],
          [
            [[0], 2],
            [[1], 1],
          ],
        ],
        [1, 2],
      ),
    ],
  ]
  for (const [what, frame] of heads) t.equal(decodeBody(frame), null, what)
})

t.test('hostile lengths are null', async (t) => {
  for (const length of [-1, 1.5, 2, 2 ** 32, 2 ** 53, 1e300, '1', null, [1], {}, true])
    t.equal(decodeBody(binary([[null], [[[0], length]]], [1])), null, JSON.stringify(length))
  t.equal(decodeBody(binary('[[null],[[[0],1e999]]]', [1])), null, 'Infinity')
  t.equal(
    decodeBody(
      binary(
        [
          [null, null],
          [
            [[0], 3],
            [[1], -2],
          ],
        ],
        [1],
      ),
    ),
    null,
    'a negative one that makes up for another',
  )
})

t.test('hostile paths are null and change nothing outside the body', async (t) => {
  const paths: unknown[][] = [
    [],
    ['__proto__'],
    [0, '__proto__'],
    [0, '__proto__', 'polluted'],
    [0, 'constructor', 'prototype', 'polluted'],
    [0, 'toString'],
    ['length'],
    [1],
    [-1],
    [0.5],
    [null],
    [[0]],
    [{}],
    [true],
    [0, 'a'],
    [0, 'b', 'c'],
    [2],
    [2, 0],
    [2, 'length'],
    [3],
  ]
  for (const path of paths)
    t.equal(
      decodeBody(binary([[{ a: 1, b: null }, 'text', [0]], [[path, 1]]], [1])),
      null,
      JSON.stringify(path),
    )
  for (const cut of [null, 1, 'x', {}, [], [0, 1], ['0', 1], [null, 1], [{ 0: 0, length: 1 }, 1]])
    t.equal(decodeBody(binary([[null], [cut]], [1])), null, JSON.stringify(cut))
  t.equal(
    decodeBody(
      binary(
        [
          [null],
          [
            [[0], 1],
            [[0], 1],
          ],
        ],
        [1, 2],
      ),
    ),
    null,
    'the same place twice',
  )
  t.equal(
    decodeBody(
      binary(
        [
          [null],
          [
            [[0], 1],
            [[0, 0], 1],
          ],
        ],
        [1, 2],
      ),
    ),
    null,
    'inside bytes',
  )
  t.equal(
    decodeBody(
      binary(
        [
          [null],
          [
            [[0], 1],
            [[0, 'buffer'], 1],
          ],
        ],
        [1, 2],
      ),
    ),
    null,
    'behind bytes',
  )
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
  t.equal(([] as unknown as { polluted?: unknown }).polluted, undefined)
})

t.test('a path does not reach an inherited null', async (t) => {
  Object.defineProperty(Object.prototype, 'inherited', { value: null, writable: true, configurable: true })
  t.teardown(() => Reflect.deleteProperty(Object.prototype, 'inherited'))
  t.equal(decodeBody(binary([[{}], [[[0, 'inherited'], 1]]], [1])), null)
})

t.test('an own __proto__ is a key like others', async (t) => {
  const body = decodeBody(binary('[[{"__proto__":null}],[[[0,"__proto__"],1]]]', [7]))
  const value = body?.[0] as object
  t.equal(Object.getPrototypeOf(value), Object.prototype)
  t.strictSame(Object.getOwnPropertyDescriptor(value, '__proto__')?.value, new Uint8Array([7]))
})

t.test('never throws, whatever is cut off or changed in a good frame', async (t) => {
  const change = fc.record({
    at: fc.nat(),
    to: fc.integer({ min: 0, max: 255 }),
    keep: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  forAll(
    t,
    [fc.array(sendable, { maxLength: 3 }), fc.array(change, { minLength: 1, maxLength: 3 })],
    (body, changes) => {
      const frame = encodeBody('e', [...body, new Uint8Array(3)]) as Uint8Array
      let broken = frame.slice()
      for (const { at, to, keep } of changes) {
        broken[at % frame.length] = to
        if (keep < 0.3) broken = broken.subarray(0, Math.floor(broken.length * keep * 3))
      }
      const decoded = decodeBody(broken)
      assert.ok(decoded === null || Array.isArray(decoded))
    },
    1000,
  )
})
