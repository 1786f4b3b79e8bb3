/** What one address and one session may do, in front of a real server. */
import t from 'tap'
import { connect } from '../../lib/client/index.ts'
import { startCluster } from '../support/cluster.ts'
import { isSentence } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { openLink, PeerSession } from '../support/peer.ts'
import { ask, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import { pause, until } from '../support/until.ts'

const RATE = 1000
/** Large enough that one read is a fraction of the rate. */
const content = 'x'.repeat(300)

const limits = [
  ...['--messages-per-second', String(RATE), '--connections-per-address', '3'],
  ...['--handshakes-per-address', '20', '--keep-alive-ms', '300', '--suspended-per-address', '2'],
]

t.test('limits', async (t) => {
  const cluster = await startCluster(t, { app: 'load', args: limits })
  t.test('who sends too fast is slowed down, and loses nothing', async (t) => {
    for (const transport of ['websocket', 'polling'] as const) {
      const client = connect(cluster.url, { transports: [transport] })
      let ends = 0
      for (const name of ['suspend', 'discontinuity', 'close'] as const) client.on(name, () => ends++)
      const count = 2.5 * RATE
      const start = performance.now()
      for (let n = 1; n < count; n++) client.emit('up', n, content)
      t.equal(await client.emitWithAck('up', count, content), count)
      const took = performance.now() - start
      // A second of it at once. A poll cannot be left unread; there only far more than this ends in a code.
      if (transport === 'websocket') t.ok(took > 1000, `${count} messages took ${Math.round(took)} ms`)
      t.equal(ends, 0, `${transport}: the application notices nothing`)
      const log = (await client.emitWithAck('log', client.id)) as { received: [number][] }
      t.same(
        log.received.map(([n]) => n),
        Array.from({ length: count }, (_, i) => i + 1),
      )
      client.close()
    }
    t.same(cluster.complaints(), [])
  })

  t.test('connections of one address', async (t) => {
    const sessions = Array.from({ length: 3 }, () => new PeerSession(cluster.segmentOn(0)))
    const links = []
    for (const session of sessions) {
      const link = await openLink(cluster.url, session, 'websocket')
      await link.enter()
      links.push(link)
    }
    const path = `/api/${cluster.segmentOn(0)}/?EIO=4&limpet=1&transport=`
    isSentence(t, await ask(cluster.port, request(`${path}polling`)), 429, 'polling')
    const refused = await ask(cluster.port, upgradeRequest(`${path}websocket`))
    isSentence(t, refused, 429, 'WebSocket')
    t.equal(refused.headers['retry-after'], '1')
    const other = await openLink(cluster.url, new PeerSession(cluster.segmentOn(1)), 'websocket')
    await other.enter()
    links[0]!.close()
    await until(async () => (await ask(cluster.port, request(`${path}polling`))).status === 200)

    // Those that have not said where they want to go.
    const idle = []
    for (let i = 0; i < 3; i++) idle.push(await rawConnect(cluster.port))
    await until(async () => (await ask(cluster.port, request('/health'))).status === 429)
    idle[0]!.destroy()
    await until(async () => (await ask(cluster.port, request('/health'))).status === 200)
    for (const connection of idle) connection.destroy()
    for (const link of [...links, other]) link.close()
    t.same(cluster.complaints(), [])
  })

  t.test('sessions of one address that wait for their clients', async (t) => {
    // The links that were closed may still count.
    const opened = async (session: PeerSession): Promise<Awaited<ReturnType<typeof openLink>>> => {
      for (const end = Date.now() + 5000; ; await pause(50)) {
        try {
          return await openLink(cluster.url, session, 'websocket')
        } catch (error) {
          if (Date.now() > end) throw error
        }
      }
    }
    const sessions = Array.from({ length: 3 }, () => new PeerSession(cluster.segmentOn(1)))
    for (const session of sessions) {
      const link = await opened(session)
      await link.enter()
      link.question('up', 1, 'x')
      await link.next('answer')
      link.close()
    }
    const first = await opened(sessions[0]!)
    const last = await opened(sessions[2]!)
    first.hello()
    t.match((await first.next('gone')).gone, { code: 'evicted', handled: 1, taken: 1 })
    await last.enter()
    for (const link of [first, last]) link.close()
    t.same(cluster.complaints(), [])
  })

  t.test('handshakes of one address, too fast', async (t) => {
    const path = `/api/${cluster.segmentOn(0)}/?EIO=4&limpet=1&transport=websocket`
    let refused = ''
    await until(async () => {
      const connection = await rawConnect(cluster.port)
      connection.write(upgradeRequest(path))
      const response = await connection.response()
      connection.destroy()
      refused = response.status === 429 ? response.body.toString() : ''
      return refused.endsWith('too fast.')
    })
    t.equal(refused, 'Connections come from this address too fast.')
    await until(async () => (await ask(cluster.port, upgradeRequest(path))).status === 101)
    t.same(cluster.complaints(), [])
  })

  t.test('a connection that is idle behind an answer', async (t) => {
    const connection = await rawConnect(cluster.port)
    connection.write(request('/client.js'))
    t.equal((await connection.response()).status, 200)
    const began = performance.now()
    await connection.end()
    t.ok(performance.now() - began > 250)
  })
})

nothingLeft(t)
