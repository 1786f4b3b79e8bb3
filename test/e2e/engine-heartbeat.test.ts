/** The Engine.IO v4 protocol: heartbeats, with and without a segment. */
import t from 'tap'
import { startCluster } from '../support/cluster.ts'
import { type Check, checkAll, isOver, opened } from '../support/engine-checks.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { pause } from '../support/until.ts'

const LIVELY = { pingInterval: 300, pingTimeout: 1500 }
const SILENT_MS = LIVELY.pingInterval + LIVELY.pingTimeout

const HEARTBEATS: Readonly<Record<string, Check>> = {
  'heartbeat, polling: ping and pong': async (t, peer) => {
    const { sid } = await peer.open()
    for (let i = 0; i < 3; i++) {
      const { status, body } = await peer.fetch(`EIO=4&transport=polling&sid=${sid}`)
      t.same([status, body], [200, '2'])
      t.equal((await peer.post(sid, '3')).status, 200)
    }
  },
  'heartbeat, polling: no pong ends the session': async (t, peer) => {
    const { sid } = await peer.open()
    await pause(SILENT_MS + 300)
    await isOver(t, peer, sid)
  },
  'heartbeat, WebSocket: ping and pong': async (t, peer) => {
    const socket = await opened(peer)
    for (let i = 0; i < 3; i++) {
      t.equal(await socket.next(true), '2')
      await socket.send('3')
    }
    socket.close()
  },
  'heartbeat, WebSocket: no pong ends the session': async (t, peer) => {
    // Its time runs from the server's open packet, which may have waited here.
    const began = performance.now()
    const socket = await opened(peer)
    await socket.end()
    const ms = performance.now() - began
    t.ok(ms > SILENT_MS - 100, `after ${Math.round(ms)} ms`)
  },
}

t.test('a raw echo with a short heartbeat', async (t) => {
  const env = { ENGINE_OPTIONS: JSON.stringify(LIVELY) }
  const cluster = await startCluster(t, { app: 'raw-echo', workers: 4, env })
  await checkAll(t, cluster.port, HEARTBEATS)
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
