/** Handles sent between two real processes. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { acceptRaw, detach, wrap } from '../../lib/primary/raw.ts'
import { adoptHandle } from '../../lib/worker/handle.ts'
import { ROOT } from '../support/root.ts'

t.test('a handle that got lost on its way', async (t) => {
  t.equal(adoptHandle(undefined, Buffer.from('x')), null)
  t.equal(adoptHandle(null, Buffer.from('x')), null)
})

t.test('nothing lost, nothing doubled, and a half-closed client is answered', async (t) => {
  const path = join(ROOT, 'dist/test/worker/fixtures/adopts.js')
  const child = fork(path, { serialization: 'advanced' })
  t.teardown(async () => {
    child.disconnect()
    await once(child, 'exit')
  })
  const [up] = await once(child, 'message')
  t.equal(up, 'up')

  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  let turn = 0
  acceptRaw(
    server,
    (handle) => {
      // Handed over after the first bytes, or before any: read until then into `head`.
      const early = turn++ % 4 === 0
      const send = (head: Buffer, raw: typeof handle) =>
        child.send({ head }, raw as never, (error) => {
          t.equal(error, null)
          raw.close()
        })
      if (early) return void send(Buffer.alloc(0), handle)
      const socket = wrap(handle, (bytes) => {
        const head = Buffer.from(bytes)
        const raw = detach(socket)
        if (raw) send(head, raw)
      })
    },
    () => t.fail('not accepted'),
  )

  const { port } = server.address() as net.AddressInfo
  const echoed = async (size: number) => {
    const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 255))
    const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    for (let at = 0; at < size; at += 3000) client.write(bytes.subarray(at, at + 3000))
    client.end()
    const chunks: Buffer[] = []
    for await (const chunk of client) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).equals(bytes)
  }
  const sizes = Array.from({ length: 60 }, (_, i) => 1 + i * i * 40)
  const good = await Promise.all(sizes.map(echoed))
  t.same(
    sizes.filter((_, i) => !good[i]),
    [],
    'every size came back whole',
  )

  child.send({ head: Buffer.from('x') })
  t.same(await once(child, 'message'), ['nothing', undefined], 'without its handle')
})
