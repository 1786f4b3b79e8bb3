import t from 'tap'
import { Framing } from './framing.ts'
import { clientFrame } from './ws-frames.ts'

/** Where it says that a message is over, byte by byte. */
function ends(bytes: Buffer): number[] {
  const framing = new Framing()
  const at: number[] = []
  for (let i = 0; i < bytes.length; i++) {
    framing.take(bytes.subarray(i, i + 1))
    if (!framing.mid) at.push(i + 1)
  }
  return at
}

const join = (parts: readonly (string | Uint8Array)[]): [Buffer, ends: number[]] => {
  const buffers = parts.map((part) => Buffer.from(part as string))
  let end = 0
  return [Buffer.concat(buffers), buffers.map(({ length }) => (end += length))]
}

t.test('HTTP messages, with a body or without', async (t) => {
  const [bytes, expected] = join([
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST / HTTP/1.1\r\ncontent-length: 12\r\n\r\nabc\r\n\r\n45678',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  ])
  t.same(ends(bytes), expected)
})

t.test('WebSocket frames behind an upgrade, of every length, masked or not', async (t) => {
  const sizes = [0, 1, 125, 126, 65_535, 65_536]
  const masked = sizes.map((size) => clientFrame('x'.repeat(size)))
  const [up, upEnds] = join(['GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n', ...masked])
  t.same(ends(up), upEnds)
  const plain = [Uint8Array.of(0x81, 2, 1, 1), Uint8Array.of(0x82, 126, 0, 1, 1), Uint8Array.of(0x8a, 0)]
  const [down, downEnds] = join(['HTTP/1.1 101 Switching Protocols\r\n\r\n', ...plain])
  t.same(ends(down), downEnds)
})

t.test('many messages in one piece, and one that ends within', async (t) => {
  const framing = new Framing()
  const head = 'GET / HTTP/1.1\r\n\r\n'
  framing.take(Buffer.from(head + head))
  t.equal(framing.mid, false)
  framing.take(Buffer.from(`${head}GET`))
  t.equal(framing.mid, true)
})
