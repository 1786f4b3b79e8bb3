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

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const frame = fc.oneof(text, fc.uint8Array({ maxLength: 300 }))
const data = fc
  .dictionary(text, fc.jsonValue({ depthSize: 'small' }))
  .map((v) => JSON.parse(JSON.stringify(v)))

const question: fc.Arbitrary<Question> = fc.oneof(
  fc.record({ kind: fc.constantFrom('count' as const, 'members' as const), room: text }),
  fc.record({ kind: fc.constant('history' as const), room: text, limit: fc.maxSafeNat() }),
)
const reply: fc.Arbitrary<Reply> = fc.oneof(
  fc.record({ kind: fc.constant('count' as const), count: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('members' as const), members: fc.array(fc.record({ id: text, data })) }),
  fc.record({
    kind: fc.constant('history' as const),
    entries: fc.array(fc.record({ number: fc.maxSafeNat(), frame })),
  }),
)

t.test('questions and replies come back as they were', async (t) => {
  fc.assert(
    fc.property(
      question,
      (question) => void t.strictSame(decodeQuestion(encodeQuestion(question)), question),
    ),
  )
  fc.assert(fc.property(reply, (reply) => void t.strictSame(decodeReply(encodeReply(reply)), reply)))
})

t.test('bytes that nobody encoded never throw', async () => {
  const bytes = fc
    .tuple(fc.integer({ min: 0, max: 4 }), fc.uint8Array({ maxLength: 80 }))
    .map(([kind, rest]) => Uint8Array.of(kind, ...rest))
  const changed = fc.tuple(
    fc.oneof(question.map(encodeQuestion), reply.map(encodeReply)),
    fc.nat(),
    fc.nat(255),
  )
  fc.assert(
    fc.property(bytes, changed, (bytes, [encoded, place, byte]) => {
      encoded[place % encoded.length] = byte
      for (const b of [bytes, encoded, encoded.subarray(0, place % encoded.length)]) {
        decodeQuestion(b)
        decodeReply(b)
      }
    }),
    { numRuns: 5000 },
  )
})

t.test('malformed', async (t) => {
  const members = (json: string): Uint8Array => Uint8Array.of(2, ...Buffer.from(json))
  t.equal(decodeQuestion(new Uint8Array(0)), null)
  t.equal(decodeQuestion(Uint8Array.of(4, 114)), null, 'an unknown kind')
  t.equal(decodeQuestion(Uint8Array.of(1, 0xff)), null, 'a room that is not UTF-8')
  t.equal(decodeReply(Uint8Array.of(1, 5, 5)), null, 'a count and more')
  t.equal(decodeReply(Uint8Array.of(3, 1, 2, 0)), null, 'a frame that is neither text nor bytes')
  t.equal(decodeReply(Uint8Array.of(3, 1, 0, 9, 65)), null, 'a frame cut short')
  for (const json of ['', '{', '{}', '[1]', '[[1,{}]]', '[["a",[]]]', '[["a",null]]', '[["a"]]'])
    t.equal(decodeReply(members(json)), null, json)
  t.strictSame(decodeReply(members('[["a",{}]]')), { kind: 'members', members: [{ id: 'a', data: {} }] })
})
