import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { FieldReader, FieldWriter } from '../../lib/bus/fields.ts'
import { forAll } from '../support/for-all.ts'

const wellFormed = fc.string({ unit: 'grapheme' })
const count = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
)

t.test('every field comes back as it was', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 400 })
  const all = [count, wellFormed, fc.array(wellFormed), bytes, bytes] as const
  forAll<[number, string, string[], Uint8Array, Uint8Array]>(
    t,
    [...all],
    (number, text, texts, some, tail) => {
      const written = new FieldWriter()
        .byte(7)
        .number(number)
        .text(text)
        .texts(texts)
        .bytes(some)
        .finish(tail)
      const reader = new FieldReader(written)
      assert.equal(reader.byte(), 7)
      assert.equal(reader.number(), number)
      assert.equal(reader.text(), text)
      assert.deepEqual(reader.texts(), texts)
      assert.deepEqual(reader.bytes(), some)
      assert.deepEqual(reader.tailBytes(), tail)
      assert.ok(reader.done)
    },
  )
})

t.test('a text at the end, a byte order mark included', async (t) => {
  const reader = new FieldReader(new FieldWriter().number(1).finish('\ufeffhé'))
  reader.number()
  t.equal(reader.tailText(), '\ufeffhé')
  t.ok(reader.done)
})

t.test('only counts are numbers', async (t) => {
  for (const value of [-1, 1.5, 2 ** 53, Number.NaN])
    t.throws(() => new FieldWriter().number(value), RangeError)
})

t.test('what is missing or malformed reads as nothing', async (t) => {
  const unsafe = new FieldReader(new Uint8Array(8).fill(0xff))
  t.equal(unsafe.number(), 0)
  t.notOk(unsafe.ok)

  const big = new FieldReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f))
  t.equal(big.number(), 0, 'more than 2⁵³ − 1')
  t.notOk(big.ok)

  const short = new FieldReader(Uint8Array.of(5, 65))
  t.equal(short.text(), '')
  t.notOk(short.ok)

  const notText = new FieldReader(Uint8Array.of(2, 0xc3, 0x28))
  t.equal(notText.text(), '')
  t.notOk(notText.ok)

  const many = new FieldReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0))
  t.ok(many.texts().length < 8, 'a count that lies costs nothing')
  t.notOk(many.done)
})

t.test('what is read does not hold the chunk it came in', async (t) => {
  const chunk = new Uint8Array(65536)
  chunk[0] = 3
  t.equal(new FieldReader(chunk).bytes().buffer.byteLength, 3)
})

t.test(
  'texts of all lengths about the short ones, of ASCII and with one character that is not',
  async (t) => {
    const texts = [0, 1, 63, 64, 65, 127, 128, 300].flatMap((length) => [
      'x'.repeat(length),
      `${'x'.repeat(length)}é`,
      `é${'x'.repeat(length)}`,
      `${'x'.repeat(length)}\x7f`,
    ])
    const writer = new FieldWriter()
    for (const text of texts) writer.text(text).number(77)
    const reader = new FieldReader(writer.finish())
    for (const text of texts) t.same([reader.text(), reader.number()], [text, 77])
    t.ok(reader.done)
  },
)
