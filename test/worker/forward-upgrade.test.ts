import t, { type Test } from 'tap'
import { Bytes, fakeOwner } from '../support/edge-peers.ts'
import { type Edges, startEdges } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { request, upgradeRequest } from '../support/raw.ts'
import { until } from '../support/until.ts'

async function start(t: Test, count: number, options: Parameters<typeof startEdges>[1] = {}): Promise<Edges> {
  const edges = await startEdges(count, options)
  t.teardown(() => edges.close())
  return edges
}

t.test('an upgrade behind other requests on a kept connection goes to its own owner', async (t) => {
  const edges = await start(t, 4)
  for (let round = 0; round < 12; round++) {
    const peer = new Bytes(t, edges.workers[0]!.port)
    for (const slot of [0, 1]) {
      peer.socket.write(request(`/api/${edges.segment(slot)}/`))
      t.match(await peer.upTo('"bytes":0}'), `"slot":${slot}`)
    }
    const [slot, segment] = [round % 4, edges.segment(round % 4, round)]
    peer.socket.write(upgradeRequest(`/api/${segment}/?limpet=1`))
    t.match(await peer.upTo('\r\n\r\n'), / 101 /)
    t.equal(await peer.upTo(';'), `${slot} ${segment};`)
  }
})

t.test('bytes right behind the 101, and right behind the request, are not lost', async (t) => {
  const edges = await start(t, 2)
  for (const slot of [0, 1]) {
    const peer = new Bytes(t, edges.workers[0]!.port)
    const first = 'f'.repeat(1000)
    peer.socket.write(`${upgradeRequest(`/api/${edges.segment(slot)}/?first=${first}`)}early`)
    t.match(await peer.upTo('\r\n\r\n'), / 101 /)
    t.equal(await peer.upTo('early'), `${first}early`)
    peer.socket.write('later')
    t.equal(await peer.upTo('later'), 'later')
    peer.socket.end(`${'x'.repeat(1_000_000)}last`)
    t.equal((await peer.upTo('last')).length, 1_000_004, `half-close is kept (worker ${slot})`)
    await until(() => peer.ended, 5000, 'the other half')
  }
  await until(() => edges.workers[0]!.edge.sockets === 0, 5000, 'both ends are let go')
})

t.test('an owner that has ended a tunnel need not wait for its client', async (t) => {
  const edges = await start(t, 2, { headMs: 100, keepAliveMs: 100 })
  let got = ''
  await fakeOwner(t, edges, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nbye'))
    socket.on('data', (bytes) => {
      got += bytes
    })
  })
  const peer = new Bytes(t, edges.workers[0]!.port)
  peer.socket.write(upgradeRequest(`/api/${edges.segment(1)}/`))
  await peer.upTo('bye')
  await until(() => peer.ended)
  peer.socket.write('and the last word')
  await until(() => got.endsWith('and the last word'), 2000, 'what the client still says')
  await until(() => edges.workers[0]!.edge.sockets === 0, 3000, 'the half-open client is let go')
})

t.test('a client that reads nothing does not keep the tunnel of an owner that has ended it', async (t) => {
  const edges = await start(t, 2, { silentMs: 300 })
  const owned = await fakeOwner(t, edges, (socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    // More than two kernels take; then it ends as a link does that is overdue.
    socket.write(Buffer.alloc(16 * 1024 * 1024))
    socket.setTimeout(200, () => socket.destroy())
  })
  const peer = new Bytes(t, edges.workers[0]!.port)
  peer.socket.pause()
  peer.socket.write(upgradeRequest(`/api/${edges.segment(1)}/`))
  await until(() => owned.size === 1)
  await until(() => edges.workers[0]!.edge.sockets === 0, 5000, 'the client is cut off')
})

nothingLeft(t)
