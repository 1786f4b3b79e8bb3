import t from 'tap'
import { HelloReader } from '../../lib/primary/hello.ts'

t.test('the first byte tells', async (t) => {
  const hello = Uint8Array.of(0x16, 0x03, 0x01, 0x02)
  for (const bytes of [hello, hello.subarray(0, 1)])
    t.same(new HelloReader().push(bytes), {
      kind: 'ready',
      route: { kind: 'any' },
      method: '',
      bytes: Buffer.from(bytes),
    })
  for (const text of ['GET / HTTP/1.1\r\n', '\x80\x2e\x01', '\r\n\r\n\0\r\nQUIT\n', '\0'])
    t.match(new HelloReader().push(Buffer.from(text, 'latin1')), {
      kind: 'bad',
      status: 400,
      reason: /https/,
    })
})

t.test('what it has read is its own', async (t) => {
  const scratch = Uint8Array.of(0x16, 1)
  const head = new HelloReader().push(scratch)
  scratch.fill(0)
  t.match(head, { bytes: Buffer.of(0x16, 1) })
})
