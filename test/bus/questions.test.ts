import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  decodeQuestion,
  decodeReply,
  encodeQuestion,
  encodeReply,
  type Question,
  type Reply,
} from '../../lib/bus/questions.ts'
import { forAll } from '../support/for-all.ts'

/** Objects as anybody makes them: with a prototype. */
const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const frame = fc.oneof(text, fc.uint8Array({ maxLength: 300 }))
const data = fc
  .dictionary(text, fc.jsonValue({ depthSize: 'small' }))
  .map((v) => JSON.parse(JSON.stringify(v)))

const question: fc.Arbitrary<Question> = fc.oneof(
  record({ kind: fc.constantFrom('count' as const, 'members' as const), room: text }),
  record({
    kind: fc.constant('history' as const),
    room: text,
    limit: fc.maxSafeNat(),
    before: fc.maxSafeNat(),
  }),
)
const reply: fc.Arbitrary<Reply> = fc.oneof(
  record({ kind: fc.constant('count' as const), count: fc.maxSafeNat() }),
  record({ kind: fc.constant('members' as const), members: fc.array(record({ id: text, data })) }),
  record({
    kind: fc.constant('history' as const),
    epoch: text,
    earlier: fc.constantFrom('more' as const, 'none' as const, 'forgotten' as const),
    entries: fc.array(record({ number: fc.maxSafeNat(), frame })),
  }),
  record({ kind: fc.constant('refused' as const), code: text, message: text }),
)

t.test('questions and replies come back as they were', async (t) => {
  forAll(t, [question], (question) =>
    assert.deepStrictEqual(decodeQuestion(encodeQuestion(question)), question),
  )
  forAll(t, [reply], (reply) => assert.deepStrictEqual(decodeReply(encodeReply(reply)), reply))
})

t.test('bytes that nobody encoded never throw', async (t) => {
  const made = fc
    .tuple(fc.integer({ min: 0, max: 5 }), fc.uint8Array({ maxLength: 80 }))
    .map(([kind, rest]) => Uint8Array.of(kind, ...rest))
  const bytes = fc.oneof(made, question.map(encodeQuestion), reply.map(encodeReply))
  const change = (bytes: Uint8Array, place: number, byte: number): void => {
    const changed = Uint8Array.from(bytes)
    changed[place % bytes.length] = byte
    for (const b of [bytes, changed, changed.subarray(0, place % bytes.length)]) {
      decodeQuestion(b)
      decodeReply(b)
    }
  }
  forAll(t, [bytes, fc.nat(), fc.nat(255)], change, 5000)
})

t.test('malformed', async (t) => {
  const members = (json: string): Uint8Array => Uint8Array.of(2, ...Buffer.from(json))
  t.equal(decodeQuestion(new Uint8Array(0)), null)
  t.equal(decodeQuestion(Uint8Array.of(4, 114)), null, 'an unknown kind')
  t.equal(decodeQuestion(Uint8Array.of(1, 0xff)), null, 'a room that is not UTF-8')
  t.equal(decodeReply(Uint8Array.of(1, 5, 5)), null, 'a count and more')
  t.equal(decodeReply(Uint8Array.of(3, 0, 1, 1, 2, 0)), null, 'a frame that is neither text nor bytes')
  t.equal(decodeReply(Uint8Array.of(3, 0, 1, 1, 0, 9, 65)), null, 'a frame cut short')
  t.equal(decodeReply(Uint8Array.of(3, 0, 3)), null, 'an unknown word for what came earlier')
  for (const json of ['', '{', '{}', '[1]', '[[1,{}]]', '[["a",[]]]', '[["a",null]]', '[["a"]]'])
    t.equal(decodeReply(members(json)), null, json)
  t.strictSame(decodeReply(members('[["a",{}]]')), { kind: 'members', members: [{ id: 'a', data: {} }] })
})
