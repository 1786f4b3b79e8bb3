import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { decodeItem, encodeItem, frameOfItem, type Item, kindOfItem } from '../../lib/bus/items.ts'
import { Frame } from '../../lib/wire/frames.ts'
import { forAll } from '../support/for-all.ts'

/** Objects as anybody makes them: with a prototype. */
const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const frame = fc.oneof(text, fc.uint8Array({ maxLength: 300 }))
const data = fc
  .dictionary(text, fc.jsonValue({ depthSize: 'small' }))
  .map((v) => JSON.parse(JSON.stringify(v)))
const except = fc.array(text, { maxLength: 3 })
const number = fc.maxSafeNat()

const item: fc.Arbitrary<Item> = fc.oneof(
  record({ kind: fc.constant('publish' as const), room: text, frame, except, volatile: fc.boolean() }),
  record({
    kind: fc.constant('message' as const),
    room: text,
    number,
    frame,
    except,
    volatile: fc.boolean(),
  }),
  record({
    kind: fc.constantFrom('join' as const, 'renew' as const),
    room: text,
    session: text,
    data,
    watches: fc.boolean(),
  }),
  record({ kind: fc.constant('leave' as const), room: text, session: text }),
  record({ kind: fc.constant('joined' as const), room: text, session: text, number }),
  record({ kind: fc.constant('cut' as const) }),
  record({ kind: fc.constant('notice' as const), room: text, frame: text }),
)

t.test('every item comes back as it was', async (t) => {
  const check = (item: Item): void => {
    const bytes = encodeItem(item)
    assert.deepStrictEqual(decodeItem(bytes), item)
    assert.equal(kindOfItem(bytes), item.kind)
    assert.deepStrictEqual({ ...frameOfItem(item) }, { ...new Frame(bytes) })
  }
  forAll(t, [item], check, 1000)
})

t.test('bytes that nobody encoded never throw', async (t) => {
  const kind = fc.integer({ min: 0, max: 9 })
  const kindly = fc
    .tuple(kind, fc.uint8Array({ maxLength: 60 }))
    .map(([k, rest]) => Uint8Array.of(k, ...rest))
  forAll(t, [fc.oneof(kindly, fc.uint8Array({ maxLength: 200 }))], (bytes) => void decodeItem(bytes), 8000)
})

t.test('an item cut short or changed is malformed or another item, and never throws', async (t) => {
  const change = (item: Item, place: number, byte: number): void => {
    const bytes = encodeItem(item)
    decodeItem(bytes.subarray(0, place % bytes.length))
    bytes[place % bytes.length] = byte
    decodeItem(bytes)
  }
  forAll(t, [item, fc.nat(), fc.nat(255)], change, 2000)
})

t.test('malformed', async (t) => {
  const leave = encodeItem({ kind: 'leave', room: 'r', session: 's' })
  t.equal(decodeItem(new Uint8Array(0)), null, 'empty')
  t.equal(decodeItem(Uint8Array.of(...leave, 0)), null, 'longer than it should be')
  t.equal(decodeItem(leave.subarray(0, leave.length - 1)), null, 'cut short')
  t.equal(decodeItem(Uint8Array.of(9, ...leave.subarray(1))), null, 'an unknown kind')
  const publish = encodeItem({ kind: 'publish', room: 'r', frame: 'e', except: [], volatile: false })
  t.equal(decodeItem(Uint8Array.of(publish[0]!, 4, ...publish.subarray(2))), null, 'an unknown flag')
  t.equal(decodeItem(Uint8Array.of(...publish, 0xff)), null, 'text that is not UTF-8')
  for (const body of ['[]', 'null', '1', '{', ''])
    for (const kind of [2, 7])
      t.equal(decodeItem(Uint8Array.of(kind, 0, 1, 114, 1, 115, ...Buffer.from(body))), null, `data ${body}`)
  t.ok(decodeItem(Uint8Array.of(2, 1, 1, 114, 1, 115, ...Buffer.from('{}'))))
  t.equal(
    decodeItem(Uint8Array.of(2, 2, 1, 114, 1, 115, ...Buffer.from('{}'))),
    null,
    'an unknown flag of a join',
  )
})

t.test('compact', async (t) => {
  const room = 'lobby'
  const item = encodeItem({
    kind: 'message',
    room,
    number: 5,
    frame: 'e["said"]',
    except: [],
    volatile: false,
  })
  t.equal(item.length, 'e["said"]'.length + room.length + 5)
})
