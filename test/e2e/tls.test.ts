/** TLS ends in the workers: whoever gets a connection forwards what is not its own. */
import { once } from 'node:events'
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { slotOfSid } from '../../lib/placement.ts'
import { encodeClose, encodeHello, VERSION } from '../../lib/wire/frames.ts'
import { certificate, certificateFiles } from '../support/certificate.ts'
import { type Cluster, failToStart } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { startProxy } from '../support/proxy.ts'
import { RawConnection, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import { stockClient } from '../support/socket-io-client.ts'
import { HEAD_MS, handshake, startSecure } from '../support/tls.ts'
import { until } from '../support/until.ts'
import { clientFrame } from '../support/ws-frames.ts'

const WORKERS = 4

const polling = (cluster: Cluster, slot: number): string =>
  request(`/api/${cluster.segmentOn(slot)}/?EIO=4&transport=polling`)
const slotIn = (body: Buffer): number | null =>
  slotOfSid((JSON.parse(String(body).slice(1)) as { sid: string }).sid)

t.test('what comes over TLS', async (t) => {
  const { cluster } = await startSecure(t, 'field', WORKERS)
  t.match(cluster.stdout, /^limpet listening on https:/)

  await t.test(
    'requests of anybody on one connection, upgrades, and a client that ends its side',
    async (t) => {
      const connection = new RawConnection(await handshake(t, cluster))
      for (let i = 0; i < 2 * WORKERS; i++) {
        connection.write(polling(cluster, i % WORKERS))
        t.equal(slotIn((await connection.response()).body), i % WORKERS)
      }
      connection.write(request('/health'))
      t.equal((await connection.response()).status, 200)
      for (let slot = 0; slot < WORKERS; slot++) {
        const upgrade = new RawConnection(await handshake(t, cluster))
        upgrade.write(upgradeRequest(`/api/${cluster.segmentOn(slot)}/?EIO=4&transport=websocket`))
        t.equal((await upgrade.response()).status, 101)
        t.equal(slotIn((await upgrade.frame()).payload), slot)
        upgrade.sendFrame(`4${'x'.repeat(100_000)}`)
        t.ok((await upgrade.frame()).payload.length > 100_000)
        const halfClosed = await handshake(t, cluster)
        halfClosed.end(polling(cluster, slot))
        t.equal(slotIn((await new RawConnection(halfClosed).response()).body), slot)
      }
    },
  )

  await t.test('sessions that end as soon as they began: TLS takes one write at a time', async (t) => {
    for (let i = 0; i < 50; i++) {
      const link = new RawConnection(await handshake(t, cluster))
      link.write(upgradeRequest(`/api/brief-${i}/?EIO=4&transport=websocket&limpet=1`))
      t.equal((await link.response()).status, 101)
      await link.frame()
      const counts = { sent: 0, received: 0, check: 0 }
      link.sendFrame(
        `4${encodeHello({ version: VERSION, key: `brief-${i}`, id: undefined, instance: 'i', attempt: 1, ...counts, auth: null })}`,
      )
      t.match(String((await link.frame()).payload), /^4w/)
      const [close, end] = [clientFrame(`4${encodeClose('closed_by_client', '')}`), clientFrame('', 8)]
      link.write(Buffer.concat([close, end]))
      await link.end()
    }
    t.same(cluster.complaints(), [])
  })

  await t.test('what is no TLS is told so; what is too slow is gone', async (t) => {
    const began = performance.now()
    const open = async (text: string | Uint8Array): Promise<RawConnection> => {
      const connection = await rawConnect(cluster.port)
      t.teardown(() => connection.destroy())
      if (text.length > 0) connection.write(text)
      return connection
    }
    for (const text of [request('/'), 'GARBAGE', '\0']) {
      const { status, body } = await (await open(text)).response()
      t.same([status, String(body)], [400, 'This port speaks TLS: the URL begins with https.'])
    }
    const silent = await open('')
    const begun = await open(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01))
    const dripping = await open(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01))
    const drip = setInterval(() => dripping.write(Uint8Array.of(0)), 100)
    t.teardown(() => clearInterval(drip))
    const broken = await open(Uint8Array.from({ length: 300 }, (_, i) => (i === 0 ? 0x16 : i)))
    await broken.end()
    for (const connection of [silent, begun, dripping]) await connection.end()
    t.ok(performance.now() - began >= HEAD_MS)
  })

  await t.test('a TLS session goes on at another worker', async (t) => {
    const first = await handshake(t, cluster)
    const ticket = once(first, 'session') as Promise<[Buffer]>
    first.write(request('/health'))
    const [session] = await ticket
    let reused = 0
    for (let i = 0; i < WORKERS; i++)
      if ((await handshake(t, cluster, session)).isSessionReused()) reused += 1
    t.equal(reused, WORKERS)
  })

  await t.test('sessions: each at its owner, and resumed on another connection', async (t) => {
    const proxy = await startProxy(cluster.port)
    t.teardown(() => proxy.stop())
    const clients = Array.from({ length: 2 * WORKERS }, (_, i): Client => {
      const client = connect(proxy.url.replace('http:', 'https:'), {
        segment: cluster.segmentOn(i % WORKERS),
        transports: [i < WORKERS ? 'websocket' : 'polling'],
        reconnectDelayMs: 20,
      })
      t.teardown(() => client.close())
      return client
    })
    const pids = await Promise.all(clients.map((client) => client.emitWithAck('pid')))
    t.equal(new Set(pids).size, WORKERS)
    t.same(pids.slice(WORKERS), pids.slice(0, WORKERS), 'a worker for each segment')
    const ids = clients.map(({ id }) => id)
    const lost: string[] = []
    for (const client of clients) client.on('discontinuity', ({ code }) => lost.push(code))
    const resumed = clients.map((client) => new Promise((resolve) => client.on('resume', resolve)))
    for (const connection of proxy.connections) connection.cut()
    for (const client of clients) client.emit('note', 'while away')
    await Promise.all(resumed)
    t.same(await Promise.all(clients.map((client) => client.emitWithAck('pid'))), pids)
    t.same([clients.map(({ id }) => id), lost], [ids, []])

    process.kill(pids[0] as number, 'SIGKILL')
    await until(() => !cluster.workers().includes(pids[0] as number))
    const after = await Promise.all(clients.map((client) => client.emitWithAck('pid')))
    t.same(after.slice(WORKERS), after.slice(0, WORKERS))
    t.same([clients.map(({ id }) => id), lost], [ids, []], 'a worker died, and with it connections of others')
  })
  t.same(
    cluster.complaints().filter(({ msg }) => !msg.includes('was killed by SIGKILL')),
    [],
  )
  // With connections in every state: this must not hold up the end.
  await handshake(t, cluster)
  const half = await rawConnect(cluster.port)
  half.write(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01))
  const began = performance.now()
  await cluster.stop()
  t.ok(performance.now() - began < 3000)
})

t.test('a Socket.IO client', async (t) => {
  const { cluster } = await startSecure(t, 'socket-io', 2)
  const clients = Array.from({ length: 4 }, (_, i) => {
    const client = stockClient(cluster.url, i < 2 ? `/api/${cluster.segmentOn(i)}` : '/api')
    t.teardown(() => client.close())
    return client
  })
  const pids = await Promise.all(clients.map((client) => client.emitWithAck('pid')))
  t.equal(new Set(pids.slice(0, 2)).size, 2)
  await until(() => clients.every(({ io }) => io.engine.transport.name === 'websocket'), 10_000, 'upgrades')
  t.same(await Promise.all(clients.map((client) => client.emitWithAck('pid'))), pids)
})

t.test('what cannot be used', async (t) => {
  const one = certificate('one')
  const { args, write } = certificateFiles(t.testdir())
  const cases: [string, () => void][] = [
    ['ENOENT', () => {}],
    ['key values mismatch', () => write({ cert: one.cert, key: certificate('two').key })],
    ['PEM', () => write({ cert: 'no certificate', key: one.key })],
  ]
  for (const [reason, prepare] of cases) {
    prepare()
    const { code, stderr } = await failToStart({ app: 'field', args })
    t.equal(code, 1)
    t.match(stderr, /^limpet: the certificate cannot be used: [^\n]*\n$/)
    t.match(stderr, new RegExp(reason, 'i'))
  }
})

nothingLeft(t)
