/** Links of engine.io that poll: what a client does not take waits where it is counted. */
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { Link } from '../../lib/worker/link.ts'
import { connection, LARGE, type LinkRig, linkRig } from '../support/link-rig.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { type RawConnection, request } from '../support/raw.ts'
import { pause, until } from '../support/until.ts'

interface Polling {
  readonly link: Link
  readonly client: RawConnection
  readonly poll: string
}

async function polling(t: Test, of: LinkRig): Promise<Polling> {
  const client = await connection(t, of)
  const path = '/?EIO=4&transport=polling&limpet=1'
  client.write(request(path))
  const { body } = await client.response()
  const { sid } = JSON.parse(String(body).slice(1)) as { sid: string }
  return { link: of.links.at(-1)!, client, poll: request(`${path}&sid=${sid}`) }
}

/** A client that polls, and does not read the answer, which is larger than the kernel takes. */
async function unread(t: Test, of: LinkRig, { link, poll }: Polling): Promise<Socket> {
  const socket = connect(of.port, '127.0.0.1').pause()
  t.teardown(() => socket.destroy())
  socket.write(poll)
  await until(() => link.writable)
  link.send([`e${'x'.repeat(LARGE)}`])
  await until(() => of.queued() > 0)
  return socket
}

t.test('the next answer goes when the last one was taken', async (t) => {
  const of = await linkRig(t, 1000)
  const peer = await polling(t, of)
  const { link, client, poll } = peer
  const socket = await unread(t, of, peer)
  of.seen.length = 0
  client.write(poll)
  await until(() => of.requests === 3)
  t.notOk(link.writable, 'the poll waits')
  let tail = ''
  socket.on('data', (chunk) => {
    tail = chunk.subarray(-5).toString()
  })
  socket.resume()
  await until(() => link.writable)
  t.same(of.seen, ['writable'])
  link.send(['e2'])
  t.equal(String((await client.response()).body), '42:e2')
  await until(() => socket.bytesRead > LARGE)
  // Its deadline ended with the answer, and the connection did not.
  await pause(1100)
  socket.write(poll)
  await until(() => link.writable)
  link.send(['e3'])
  await until(() => tail === '43:e3')
})

t.test('an answer of which nothing is taken is cut off', async (t) => {
  const of = await linkRig(t, 200)
  await unread(t, of, await polling(t, of))
  await until(() => of.open() === 1)
  t.equal(of.queued(), 0)
})

nothingLeft(t)
