import { once } from 'node:events'
import type { Writable } from 'node:stream'
import t from 'tap'
import * as ws from 'ws'
import { type Data, Frame } from '../../lib/wire/frames.ts'
import { Bundle } from '../../lib/worker/bundle.ts'
import { encodeBundle, encodeFrames } from '../../lib/worker/encode.ts'
import { randomFrom } from '../support/seed.ts'

// ws's own parser, as a client has it; its types leave it out.
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable }

/** What a WebSocket client reads, in chunks of this size. */
async function read(bytes: Uint8Array, chunk = bytes.length): Promise<Data[]> {
  const receiver = new Receiver({ isServer: false, allowSynchronousEvents: true })
  const messages: Data[] = []
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    messages.push(isBinary ? new Uint8Array(data) : data.toString()),
  )
  for (let at = 0; at < bytes.length; at += chunk) receiver.write(bytes.subarray(at, at + chunk))
  receiver.end()
  await once(receiver, 'finish')
  return messages
}

/** As Engine.IO 4 reads it: text is a packet of type 4, binary is bare. */
function message(data: Data): Data {
  return typeof data === 'string' ? `4${data}` : data
}

/** What any encoder makes of text that is not well-formed. */
function wellFormed(data: Data): Data {
  return typeof data === 'string' ? Buffer.from(data).toString() : data
}

const random = randomFrom(1)
const SIZES = [0, 1, 123, 124, 125, 126, 127, 65_533, 65_534, 65_535, 65_536, 1_048_576]
const TEXTS = ['x', 'é', '€', '😀', 'a\ud83d', '\ude00é'].flatMap((unit) =>
  SIZES.map((size) => unit.repeat(Math.floor(size / unit.length))),
)
const FRAMES: Data[] = [...TEXTS, ...SIZES.map((size) => random.bytes(size))]

t.test('a WebSocket client reads what was sent, at every size and alphabet', async (t) => {
  for (const data of FRAMES) {
    const expected = message(wellFormed(data))
    const what = `${typeof data === 'string' ? `text ${data.slice(0, 2)}` : 'binary'} × ${data.length}`
    for (const encoded of [encodeFrames([data]), encodeFrames([new Frame(data)])]) {
      const [got, ...more] = await read(encoded)
      // Not `equal`: a difference of a megabyte takes minutes to print.
      t.ok(same(got, expected) && more.length === 0, what)
    }
  }
})

t.test('the shortest length form is used, unmasked, uncompressed, in one frame', async (t) => {
  const head = (data: Data, bytes: number): string =>
    Buffer.from(encodeFrames([data]).subarray(0, bytes)).toString('hex')
  t.equal(head('', 3), '810134')
  t.equal(head('x'.repeat(124), 3), '817d34')
  t.equal(head('x'.repeat(125), 5), '817e007e34')
  t.equal(head('x'.repeat(65_534), 5), '817effff34')
  t.equal(head('x'.repeat(65_535), 11), '817f000000000001000034')
  t.equal(head(new Uint8Array(), 2), '8200')
  t.equal(head(new Uint8Array(125), 2), '827d')
  t.equal(head(new Uint8Array(126), 4), '827e007e')
  t.equal(head(new Uint8Array(65_536), 10), '827f0000000000010000')
})

t.test('many frames in one buffer are read as many, however the network cuts it', async (t) => {
  const small = FRAMES.filter((data) => data.length < 1000)
  const expected = small.map(wellFormed).map(message)
  const encoded = encodeFrames(small.map((data, i) => (i % 2 ? data : new Frame(data))))
  for (const chunk of [1, 7, 4096, encoded.length]) t.strictSame(await read(encoded, chunk), expected)
  t.equal(encodeFrames([]).length, 0)
})

t.test('a shared sequence is encoded once', async (t) => {
  const [a, b] = [new Frame('a'), new Frame(new Uint8Array([1]))]
  const bundle = new Bundle(null, null).with(a).with(b)
  t.equal(encodeBundle(bundle), encodeBundle(bundle))
  t.strictSame(await read(encodeBundle(bundle)), ['4a', new Uint8Array([1])])
})

function same(a: Data | undefined, b: Data): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return a !== undefined && Buffer.from(a).equals(b)
}
