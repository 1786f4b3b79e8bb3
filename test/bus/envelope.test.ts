import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Batch } from '../../lib/bus/batch.ts'
import {
  type Envelope,
  EnvelopeReader,
  encodeAnswer,
  encodeAsk,
  encodeBusHello,
  encodeReceived,
  faultOf,
} from '../../lib/bus/envelope.ts'
import { Frame } from '../../lib/wire/frames.ts'
import { forAll } from '../support/for-all.ts'

const FRAME_BYTES = 1000
const hello = {
  slot: 3,
  generation: 300,
  attempt: 2,
  epoch: 'e1',
  about: '',
  taken: 2 ** 40,
  check: 2 ** 32 - 1,
  received: 7,
}

function read(chunks: Iterable<Uint8Array>, frameBytes = FRAME_BYTES): Envelope[] {
  const reader = new EnvelopeReader(frameBytes)
  const envelopes: Envelope[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let next = reader.next(); next; next = reader.next()) {
      // The bytes of an item are a view.
      envelopes.push(next.type === 'item' ? { type: 'item', bytes: new Uint8Array(next.bytes) } : next)
      if (next.type === 'malformed') return envelopes
    }
  }
  return envelopes
}

function everything(): { bytes: Uint8Array; envelopes: Envelope[] } {
  const batch = new Batch()
  batch.envelope(encodeBusHello(hello))
  batch.item(new Frame(Uint8Array.of(1, 2, 3)))
  batch.item(new Frame(new Uint8Array(0)))
  batch.item(new Frame('tëxt'))
  batch.envelope(encodeReceived(12))
  batch.envelope(encodeAsk(1, Uint8Array.of(9)))
  batch.envelope(encodeAnswer(1, Uint8Array.of(8, 8)))
  batch.envelope(encodeAnswer(2, null))
  batch.item(new Frame(new Uint8Array(200).fill(5)))
  const bytes = batch.encode()
  t.equal(bytes.length, batch.size)
  const envelopes: Envelope[] = [
    { type: 'hello', hello },
    { type: 'item', bytes: Uint8Array.of(1, 2, 3) },
    { type: 'item', bytes: new Uint8Array(0) },
    { type: 'item', bytes: new TextEncoder().encode('tëxt') },
    { type: 'received', count: 12 },
    { type: 'ask', id: 1, bytes: Uint8Array.of(9) },
    { type: 'reply', id: 1, ok: true, bytes: Uint8Array.of(8, 8) },
    { type: 'reply', id: 2, ok: false, bytes: new Uint8Array(0) },
    { type: 'item', bytes: new Uint8Array(200).fill(5) },
  ]
  return { bytes, envelopes }
}

t.test('every split into two, and byte by byte', async (t) => {
  const { bytes, envelopes } = everything()
  for (let at = 0; at <= bytes.length; at++)
    t.strictSame(read([bytes.subarray(0, at), bytes.subarray(at)]), envelopes, `split at ${at}`)
  t.strictSame(read(Array.from(bytes, (byte) => Uint8Array.of(byte))), envelopes)
})

t.test('random splits', async (t) => {
  const { bytes, envelopes } = everything()
  forAll(t, [fc.array(fc.nat(bytes.length), { maxLength: 20 })], (cuts) => {
    const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
    const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end))
    assert.deepEqual(read(chunks), envelopes)
  })
})

t.test('a length past the limit is refused before the frame is there', async (t) => {
  t.match(read([Uint8Array.of(0, 0, 3, 0xe9)]), [{ type: 'malformed', reason: 'a frame of 1001 bytes' }])
  t.match(read([Buffer.from('GET / HTTP/1.1\r\n\r\n')]), [{ type: 'malformed' }])
  const batch = new Batch()
  batch.item(new Frame(new Uint8Array(FRAME_BYTES - 1)))
  t.match(read([batch.encode()]), [{ type: 'item' }], 'just at the limit')
})

t.test('malformed frames', async (t) => {
  const enclosed = (...frame: number[]): Uint8Array => Uint8Array.of(0, 0, 0, frame.length, ...frame)
  const cases = {
    empty: enclosed(),
    'unknown type': enclosed(6),
    'received without count': enclosed(3),
    'received and more': enclosed(3, 1, 1),
    'ask without id': enclosed(4),
    'reply without ok': enclosed(5, 1),
    'hello cut short': enclosed(1, 1, 0, 5, 7, 1, 65),
    'hello without epoch': enclosed(1, 1, 0, 5, 7, 0, 0, 0, 9, 0),
    'hello that has more committed than taken': enclosed(1, 1, 0, 5, 7, 1, 65, 0, 1, 9, 2),
    'hello and more': enclosed(1, 1, 0, 5, 7, 1, 65, 0, 2, 9, 1, 9),
  }
  for (const [name, bytes] of Object.entries(cases)) t.match(read([bytes]), [{ type: 'malformed' }], name)
  t.match(read([enclosed(1, 1, 0, 5, 7, 1, 65, 0, 2, 9, 1)]), [{ type: 'hello' }])
  t.match(read([enclosed(1, 2, 77)]), [{ type: 'foreign', version: 2 }], 'another version may look different')
})

t.test('random bytes never throw', async (t) => {
  const frame = fc.tuple(fc.nat(7), fc.uint8Array({ maxLength: 40 }))
  const framed = fc
    .array(frame)
    .map((list) =>
      Buffer.concat(list.map(([type, body]) => Uint8Array.of(0, 0, 0, body.length + 1, type, ...body))),
    )
  const readInTwo = (bytes: Uint8Array, at: number): void => {
    const middle = at % (bytes.length + 1)
    for (const envelope of read([bytes.subarray(0, middle), bytes.subarray(middle)])) faultOf(envelope)
  }
  forAll(t, [fc.oneof(framed, fc.uint8Array({ maxLength: 300 })), fc.nat()], readInTwo, 3000)
})
