/** What a raw handle is, as the kernel tells another process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { acceptRaw, wrap } from '../../lib/primary/raw.ts'
import { nothingLeft } from '../support/nothing-left.ts'

const ASK =
  'use strict; use Socket qw(:all); print unpack("i", getsockopt(STDIN, IPPROTO_TCP, TCP_NODELAY) // die)'

t.test('a connection that is accepted does not wait to fill a segment', async (t) => {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = new Promise<net.Socket>((resolve, reject) =>
    acceptRaw(server, (handle) => resolve(wrap(handle, () => {})), reject),
  )
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const socket = await accepted
  const asked = spawn('perl', ['-e', ASK], { stdio: [socket, 'pipe', 'inherit'] })
  const [answer] = (await once(asked.stdout!, 'data')) as [Buffer]
  await once(asked, 'close')
  t.equal(String(answer), '1')
  socket.destroy()
  client.destroy()
  server.close()
  await once(server, 'close')
})

nothingLeft(t)
