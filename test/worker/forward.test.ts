import { once } from 'node:events'
import { connect as connectTo, createServer } from 'node:net'
import { Server as EngineServer } from 'engine.io'
import t, { type Test } from 'tap'
import WebSocket from 'ws'
import { httpSocketPath } from '../../lib/worker/forward.ts'
import { Bytes } from '../support/edge-peers.ts'
import { type Echo, type Edges, startEdges } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, type RawConnection, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import type { RawResponse } from '../support/responses.ts'
import { until } from '../support/until.ts'

const echoOf = (response: RawResponse): Echo => JSON.parse(response.body.toString()) as Echo

async function start(t: Test, count: number, options: Parameters<typeof startEdges>[1] = {}): Promise<Edges> {
  const edges = await startEdges(count, options)
  t.teardown(() => edges.close())
  return edges
}

/** To the first worker. */
async function dial(t: Test, edges: Edges): Promise<RawConnection> {
  const connection = await rawConnect(edges.workers[0]!.port)
  t.teardown(() => connection.destroy())
  return connection
}

t.test('1,000 requests of alternating segments on one connection', async (t) => {
  const edges = await start(t, 4)
  const connection = await dial(t, edges)
  let misdelivered = 0
  for (let i = 0; i < 1000; i++) {
    const [slot, method] = [i % 4, i % 3 === 0 ? 'POST' : 'GET']
    const segment = edges.segment(slot, i % 7)
    const body = method === 'POST' ? 'b'.repeat(i) : ''
    connection.write(request(`/api/${segment}/?i=${i}`, { method, body }))
    const response = await connection.response()
    const echo = echoOf(response)
    const right = echo.slot === slot && echo.segment === segment && echo.method === method
    if (!right || echo.bytes !== body.length || response.headers.connection === 'close') misdelivered++
  }
  t.equal(misdelivered, 0)
  t.equal(connection.ended, 'no', 'the connection is kept')
  t.same(edges.workers[0]!.edge.counters, { requests: 1000, forwarded: 750, misplacedRefused: 0 })
  for (const { edge } of edges.workers.slice(1))
    t.equal(edge.sockets, 1, 'one connection between two workers carried them all')
})

t.test('large bodies, both ways', async (t) => {
  const edges = await start(t, 2)
  const connection = await dial(t, edges)
  const body = 'x'.repeat(6_000_000)
  const path = `/api/${edges.segment(1)}/`
  connection.write(request(path, { method: 'POST', body }))
  t.equal(echoOf(await connection.response()).bytes, body.length)
  const chunks = Array.from({ length: 50 }, () => `2710\r\n${'c'.repeat(10_000)}\r\n`).join('')
  connection.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`)
  t.equal(echoOf(await connection.response()).bytes, 500_000, 'chunked')
  connection.write(request(`${path}?size=6000000`))
  t.equal((await connection.response()).body.length, 6_000_000)
  t.equal(connection.ended, 'no')
})

t.test('a client that does not read holds back the owner, not the memory between', async (t) => {
  const edges = await start(t, 2)
  const size = 32 << 20
  const socket = connectTo(edges.workers[0]!.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(request(`/api/${edges.segment(1)}/?hang=1&limpet=1`))
  const owner = edges.workers[1]!
  await until(() => owner.links.held.length === 1)
  const { res } = owner.links.held[0]!
  let accepted = 0
  const chunk = Buffer.alloc(1 << 20)
  res.writeHead(200, { 'Content-Length': size })
  const fill = (): void => {
    while (accepted < size) {
      accepted += chunk.length
      if (!res.write(chunk)) return
    }
    res.end()
  }
  res.on('drain', fill)
  fill()
  // All ends are in this process: where so many turns of its loop bring no progress, everything between is full.
  for (let still = 0, before = -1; still < 1000; before = accepted) {
    await new Promise((resolve) => setImmediate(resolve))
    still = accepted === before && res.writableNeedDrain ? still + 1 : 0
  }
  t.ok(accepted < size / 2, `${accepted} bytes on their way`)
  let arrived = 0
  socket.on('data', (bytes) => {
    arrived += bytes.length
  })
  await until(() => arrived > size, 10_000, 'the rest')
})

t.test('a client that leaves a forwarded poll leaves its owner too', async (t) => {
  const edges = await start(t, 2)
  const { links, edge } = edges.workers[1]!
  const connection = await dial(t, edges)
  connection.write(request(`/api/${edges.segment(1)}/?limpet=1&sid=1-x&hang=1`))
  await until(() => links.held.length === 1)
  const { req } = links.held[0]!
  const closed = new Promise((resolve) => req.once('close', resolve))
  connection.destroy()
  await closed
  await until(() => edge.sockets === 0)
  const tunnel = await dial(t, edges)
  tunnel.write(upgradeRequest(`/api/${edges.segment(1)}/?limpet=1`))
  await tunnel.response()
  const owned = links.upgraded[0]!
  const gone = new Promise((resolve) => owned.once('close', resolve))
  tunnel.socket.resetAndDestroy()
  await gone
  await until(() => edge.sockets === 0 && edges.workers[0]!.edge.sockets === 0)
  t.same(edges.refusals, [], 'its owner is not to blame')
})

t.test('forwarded once, and never again', async (t) => {
  const edges = await start(t, 3)
  // The first worker takes the third for the holder of slot 1.
  const { workers } = edges
  const path = `/api/${edges.segment(1)}/`
  const stray = createServer((socket) => {
    const on = connectTo(httpSocketPath(edges.directory, 2, 3))
    socket.pipe(on).pipe(socket)
    for (const end of [socket, on]) end.on('error', () => {})
    socket.on('close', () => on.destroy())
  }).listen(httpSocketPath(edges.directory, 1, 77))
  t.teardown(() => stray.close())
  workers[0]!.edge.fleet([1, 77, 3])
  for (const text of [request(path), upgradeRequest(path)]) {
    const response = await ask(workers[0]!.port, text)
    t.equal(response.status, 503)
    t.match(response.body.toString(), /does not own/)
  }
  t.same(workers[2]!.edge.counters, { requests: 2, forwarded: 0, misplacedRefused: 2 })
  t.equal(workers[1]!.edge.counters.requests, 0)
})

t.test('headers: of one connection, of the client, and what frames a body', async (t) => {
  const edges = await start(t, 2)
  const { port } = edges.workers[0]!
  const path = `/api/${edges.segment(1)}/`
  const headers = {
    Connection: 'keep-alive, x-hop, content-length, host',
    'X-Hop': 'a',
    'Keep-Alive': 'timeout=99',
    TE: 'trailers',
    'Proxy-Connection': 'keep-alive',
    Cookie: 'a=b',
    'X-Kept': 'ä',
  }
  const smuggled = 'GET /api/other/ HTTP/1.1\r\n\r\n'
  const connection = await dial(t, edges)
  connection.write(request(path, { method: 'POST', headers, body: smuggled }))
  const echo = echoOf(await connection.response())
  t.equal(echo.bytes, smuggled.length, 'a body stays a body')
  t.equal(edges.workers[1]!.edge.counters.requests, 1)
  t.equal(echo.address, '127.0.0.1')
  const kept = echo.headers
  t.match(kept, { cookie: 'a=b', 'content-length': String(smuggled.length) })
  for (const name of ['x-hop', 'keep-alive', 'te', 'proxy-connection', 'x-limpet-address'])
    t.equal(kept[name], undefined, name)
  const expecting = request(path, { method: 'POST', headers: { Expect: '100-continue' }, body: 'abc' })
  connection.write(expecting)
  t.equal((await connection.response()).status, 100)
  t.equal(echoOf(await connection.response()).bytes, 3)

  const owner = edges.workers[1]!.links
  const cookies = new Bytes(t, port)
  cookies.socket.write(request(`${path}?limpet=1&hang=1`))
  await until(() => owner.held.length === 1)
  owner.held[0]!.res.writeHead(299, 'Fine So Far', ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']).end('ok')
  const text = await cookies.upTo('\r\n\r\n')
  t.match(text, /^HTTP\/1\.1 299 Fine So Far\r\n/)
  t.equal(text.match(/Set-Cookie: [ab]=\d/g)?.length, 2, 'headers that repeat')
})

t.test(
  'real engine.io servers behind: polling and WebSocket, with the segment or with the sid alone',
  async (t) => {
    const engines = [0, 1].map((slot) => {
      const engine = new EngineServer()
      let sids = 0
      engine.generateId = () => `${slot}-sid${sids++}`
      engine.on('connection', (socket) =>
        socket.on('message', (data: string) => socket.send(`${slot}:${data}`)),
      )
      return Object.assign(engine, { hasListeners: () => true })
    })
    const edges = await start(t, 2, { engines: (slot) => ({ raw: engines[slot]!, links: engines[slot]! }) })
    t.teardown(() => {
      for (const engine of engines) engine.close()
    })
    const connection = await dial(t, edges)
    const get = async (path: string): Promise<string> => {
      connection.write(request(path))
      return (await connection.response()).body.toString()
    }
    for (const slot of [0, 1, 1, 0, 1]) {
      const base = `/api/${edges.segment(slot)}/?EIO=4&transport=polling`
      const { sid } = JSON.parse((await get(base)).slice(1)) as { sid: string }
      t.match(sid, `${slot}-sid`)
      for (const path of [base, '/api/?EIO=4&transport=polling']) {
        connection.write(request(`${path}&sid=${sid}`, { method: 'POST', body: '4hello' }))
        t.equal((await connection.response()).body.toString(), 'ok')
        t.equal(await get(`${path}&sid=${sid}`), `4${slot}:hello`)
      }
      const url = `ws://127.0.0.1:${edges.workers[0]!.port}/api/${edges.segment(slot)}/?EIO=4&transport=websocket`
      const ws = new WebSocket(url)
      const messages: string[] = []
      ws.on('message', (data) => messages.push(String(data)))
      await once(ws, 'open')
      await until(() => messages.length === 1)
      ws.send('4over ws')
      await until(() => messages.length === 2)
      t.equal(messages[1], `4${slot}:over ws`)
      ws.close()
      await once(ws, 'close')
    }
    t.equal(connection.ended, 'no')
  },
)

nothingLeft(t)
