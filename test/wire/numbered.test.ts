import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Data } from '../../lib/wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../../lib/wire/numbered.ts'
import { forAll } from '../support/for-all.ts'
import { anyText } from './sendable.ts'

const frame: fc.Arbitrary<Data> = fc.oneof(anyText, fc.uint8Array({ minLength: 1, maxLength: 20 }))

/** The receiver of a link on which 1 … count have come. */
function after(count: number): NumberedReceiver {
  const sender = new NumberedSender()
  const receiver = new NumberedReceiver()
  for (let i = 0; i < count; i++) receiver.decode(sender.encode('x'))
  return receiver
}

function binary(number: number, ...frame: number[]): Uint8Array {
  const bytes = new Uint8Array(4 + frame.length)
  new DataView(bytes.buffer).setUint32(0, number)
  bytes.set(frame, 4)
  return bytes
}

t.test('one count for text and binary', async (t) => {
  const sender = new NumberedSender()
  t.equal(sender.encode('e["a"]'), '1:e["a"]')
  t.strictSame(sender.encode(new Uint8Array([101, 9])), binary(2, 101, 9))
  t.equal(sender.encode('3:x'), '3:3:x', 'a frame that looks numbered itself')
  t.equal(sender.encode(''), '4:')
})

t.test('what is sent arrives, each once and in order, however requests are repeated', async (t) => {
  forAll(t, [fc.array(fc.tuple(frame, fc.nat({ max: 5 })), { maxLength: 30 })], (steps) => {
    const sender = new NumberedSender()
    const receiver = new NumberedReceiver()
    const sent: Data[] = []
    const arrived: Data[] = []
    for (const [data, back] of steps) {
      sent.push(sender.encode(data))
      // The latest, then a few of those before it once more.
      for (const again of [sent.at(-1)!, ...sent.slice(-1 - back, -1)]) {
        const result = receiver.decode(again)
        if (result.ok) arrived.push(result.data)
        else assert.equal(result.reason, 'repeat')
      }
    }
    assert.deepStrictEqual(
      arrived,
      steps.map(([data]) => data),
    )
  })
})

t.test('a gap is seen at once, and stays one', async (t) => {
  for (const skipped of [1, 2, 100, 2 ** 31, 2 ** 32 - 5]) {
    const receiver = after(3)
    t.strictSame(receiver.decode(binary(4 + skipped, 101)), { ok: false, reason: 'gap' })
    t.strictSame(receiver.decode(`${4 + skipped}:x`), { ok: false, reason: 'gap' })
    t.strictSame(receiver.decode('4:x'), { ok: true, data: 'x' }, 'nothing was taken in between')
  }
  t.strictSame(after(0).decode('9999999999999999:x'), { ok: false, reason: 'gap' })
})

t.test('repeats are dropped by number, whatever they hold', async (t) => {
  const receiver = after(3)
  for (const n of [1, 2, 3]) {
    t.strictSame(receiver.decode(`${n}:other`), { ok: false, reason: 'repeat' })
    t.strictSame(receiver.decode(binary(n, 1)), { ok: false, reason: 'repeat' })
  }
})

t.test('malformed', async (t) => {
  const texts = [
    '',
    ':',
    ':x',
    'x',
    '1',
    '0:x',
    '01:x',
    '-1:x',
    '+1:x',
    '1.0:x',
    ' 1:x',
    '1 :x',
    '1e0:x',
    '0x1:x',
    '١:x',
    'a1:x',
    '12345678901234567:x',
    '\n1:x',
  ]
  for (const text of texts)
    t.strictSame(after(0).decode(text), { ok: false, reason: 'malformed' }, JSON.stringify(text))
  for (const bytes of [new Uint8Array(), new Uint8Array(3), binary(1), binary(0, 101)])
    t.strictSame(
      after(0).decode(bytes),
      { ok: false, reason: 'malformed' },
      Buffer.from(bytes).toString('hex'),
    )
})

t.test('bytes are read where they are in a larger buffer', async (t) => {
  const buffer = Buffer.concat([Buffer.from([9, 9, 9]), binary(1, 101, 7)]).subarray(3)
  const result = after(0).decode(buffer)
  t.ok(result.ok && Buffer.from(result.data as Uint8Array).equals(Buffer.from([101, 7])))
})

t.test('never throws', async (t) => {
  forAll(
    t,
    [
      fc.array(
        fc.oneof(
          anyText,
          fc.uint8Array(),
          fc.nat().map((n) => `${n}:x`),
        ),
      ),
    ],
    (frames) => {
      const receiver = new NumberedReceiver()
      for (const data of frames) receiver.decode(data)
    },
  )
})
