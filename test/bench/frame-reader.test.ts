import t from 'tap'
import { parseServerFrame } from '../support/ws-frames.ts'
import { clientFrame, FrameReader, LARGE } from './frame-reader.ts'

function serverFrame(payload: Buffer, opcode = 1): Buffer {
  const { length } = payload
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, length])
      : Buffer.from([0x80 | opcode, 126, length >> 8, length & 255])
  if (length < 65536) return Buffer.concat([head, payload])
  const long = Buffer.alloc(10)
  long[0] = 0x80 | opcode
  long[1] = 127
  long.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([long, payload])
}

/** Whole payloads as text, skipped ones as numbers. */
function read(stream: Buffer, piece: number, threshold: number): (string | number)[] {
  const seen: (string | number)[] = []
  const reader = new FrameReader({
    large: (bytes) => seen.push(bytes),
    whole: (payload, opcode) => seen.push(`${opcode}${payload.toString('latin1', 0, 80)}`),
  })
  reader.threshold = threshold
  // One buffer for all, as the sockets have it: nothing may be kept of it.
  const shared = Buffer.alloc(piece)
  for (let at = 0; at < stream.length; at += piece) {
    const length = stream.copy(shared, 0, at, at + piece)
    reader.push(shared.subarray(0, length))
    shared.fill(0xff)
  }
  return seen
}

const small = Buffer.from('430[]')
const middle = Buffer.alloc(LARGE, 'm')
const large = Buffer.alloc(300, 'l')
const huge = Buffer.alloc(70_000, 'h')
const CLOSE = serverFrame(Buffer.from([3, 232]), 8)

t.test('frames are the same wherever the stream is cut', async (t) => {
  for (const piece of [1, 2, 3, 7, 64, 66, 101, 4096, 100_000]) {
    // A frame that comes whole is put together anew with every piece.
    const last = piece < 4096 ? large : huge
    const payloads = [small, middle, middle, small, large, Buffer.alloc(0), last]
    const stream = Buffer.concat([...payloads.map((payload) => serverFrame(payload)), CLOSE])
    const skipped = ['1430[]', 64, 64, '1430[]', 300, '1', last.length, '8\x03\xe8']
    t.same(read(stream, piece, LARGE), skipped, `by ${piece}`)
    const whole = payloads.map((payload) => `1${payload.toString('latin1', 0, 80)}`)
    t.same(read(stream, piece, Number.POSITIVE_INFINITY), [...whole, '8\x03\xe8'], `by ${piece}, all whole`)
  }
})

t.test('what a client sends is masked, with zeros', async (t) => {
  for (const text of ['2', 'x'.repeat(125), 'y'.repeat(126), 'z'.repeat(65_535)]) {
    const frame = clientFrame(text)
    const mask = frame.length - text.length - 4
    t.equal(frame[1]! & 0x80, 0x80)
    t.same(frame.subarray(mask, mask + 4), Buffer.alloc(4))
    frame[1]! &= 0x7f
    const unmasked = Buffer.concat([frame.subarray(0, mask), frame.subarray(mask + 4)])
    t.equal(parseServerFrame(unmasked)?.frame.payload.toString(), text)
  }
  t.throws(() => clientFrame('z'.repeat(65_536)), RangeError)
})
