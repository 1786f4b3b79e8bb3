import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { type Echo, startEdges } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import type { RawResponse } from '../support/responses.ts'
import { until } from '../support/until.ts'

const echoOf = (response: RawResponse): Echo => JSON.parse(response.body.toString()) as Echo

function isSentence(t: Test, response: RawResponse, status: number, about: string): void {
  t.equal(response.status, status, about)
  t.match(response.body.toString(), /^[A-Z][^\n]*\.$/, `${about}: one sentence`)
  t.match(response.headers['content-type'], /^text\/plain/, about)
}

t.test('each request goes to the engine or page that its own URL names', async (t) => {
  const pages = (req: IncomingMessage, res: ServerResponse): unknown => req.url === '/page' && res.end('page')
  const edges = await startEdges(1, { pages })
  t.teardown(() => edges.close())
  const { port, raw } = edges.workers[0]!
  const connection = await rawConnect(port)
  t.teardown(() => connection.destroy())
  const get = async (path: string): Promise<RawResponse> => {
    connection.write(request(path))
    return connection.response()
  }
  t.match(echoOf(await get('/api/abc/?EIO=4&limpet=1')), {
    engine: 'links',
    segment: 'abc',
    address: '127.0.0.1',
  })
  t.match(echoOf(await get('/api/abc?EIO=4')), { engine: 'raw', segment: 'abc', url: '/api/abc/?EIO=4' })
  t.match(echoOf(await get('/api/?EIO=4')), { engine: 'raw', segment: '' })
  t.match(echoOf(await get('/api?EIO=4&sid=7-abc')), { engine: 'raw', segment: '' }, 'a slot that never was')
  t.match(echoOf(await get('/api/abc/?limpet=11')), { engine: 'raw' })
  t.equal((await get('/page')).body.toString(), 'page')
  isSentence(t, await get('/elsewhere'), 404, 'unknown path')
  isSentence(t, await get('/api/abc/more'), 404, 'below a segment')
  isSentence(t, await get('/api//abc'), 404, 'no segment')
  raw.listeners = false
  isSentence(t, await get('/api/abc/?EIO=4'), 400, 'no raw connections')
  t.equal(connection.ended, 'no')
  t.equal(edges.workers[0]!.edge.counters.requests, 10)
  t.same(edges.errors, [])
})

t.test('whatever a client writes is answered, and ends nobody', async (t) => {
  const edges = await startEdges(2, { headBytes: 2048 })
  t.teardown(() => edges.close())
  const { port } = edges.workers[0]!
  const long = 'a'.repeat(65)
  const lines: [string, number][] = [
    ['GET //', 400],
    ['GET //x/../..', 400],
    ['GET /\\x', 400],
    ['GET http://', 400],
    ['GET http://x/', 400],
    ['GET https://[', 400],
    ['GET *', 400],
    ['OPTIONS *', 400],
    ['GET /%00', 400],
    ['GET /\0', 400],
    ['GET /%zz', 400],
    ['GET /page#x', 400],
    [`GET /api/${long}/`, 400],
    ['GET /api/a b/', 400],
    ['GET /api/a%20b/', 400],
    ['GET /api/../x', 400],
    ['GET /api/ä/', 400],
    ['GET /api/a/?%', 200],
    ['GET /api/a/?__proto__=1&sid[]=2&EIO=%ff', 200],
    ['CONNECT x:80', 400],
    ['PUT /api/a/', 405],
    ['get /', 400],
  ]
  for (const [line, status] of lines) {
    const response = await ask(port, `${line} HTTP/1.1\r\nHost: x\r\n\r\n`)
    if (status === 200) t.equal(response.status, 200, line)
    else isSentence(t, response, status, JSON.stringify(line))
    if (!line.startsWith('GET')) continue
    const upgrade = await ask(
      port,
      `${line} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    t.equal(upgrade.status, status === 200 ? 101 : status, `${JSON.stringify(line)} as an upgrade`)
  }
  isSentence(t, await ask(port, '\x16\x03\x01\x02\x00\x01\r\n\r\n'), 400, 'TLS')
  isSentence(t, await ask(port, 'GET / HTTP/1.1\r\n\r\n'), 400, 'no Host')
  isSentence(
    t,
    await ask(port, `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(3000)}\r\n\r\n`),
    431,
    'oversize',
  )
  isSentence(t, await ask(port, request('/', { headers: { Expect: 'wonders' } })), 417, 'expectation')
  isSentence(
    t,
    await ask(port, request('/api/a/', { headers: { 'Content-Length': '3' } })),
    400,
    'GET with body',
  )
  const both =
    'POST /api/a/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  isSentence(t, await ask(port, both), 400, 'two lengths')
  for (const slot of [0, 1]) {
    const path = `/api/${edges.segment(slot)}/`
    const large = { method: 'POST', headers: { 'Content-Length': '99999999' } }
    isSentence(t, await ask(port, request(path, large)), 413, `too large for worker ${slot}`)
    const old = await ask(port, `GET ${path} HTTP/1.0\r\n\r\n`)
    t.match([old.status, old.headers.connection, echoOf(old).slot], [200, 'close', slot], 'HTTP/1.0')
  }
  t.same(edges.errors, [])
  await until(() => edges.workers[0]!.edge.sockets <= 1, 2000, 'no connection is kept')
})

t.test('a handler that throws costs its own request', async (t) => {
  const pages = (req: IncomingMessage, res: ServerResponse): unknown => {
    if (req.url === '/throws') throw new Error('thrown')
    if (req.url === '/half') res.write('half')
    if (req.url === '/headers') res.setHeader('Content-Encoding', 'br')
    if (req.url === '/false') return Promise.resolve(false)
    return Promise.reject(new Error('rejected'))
  }
  const edges = await startEdges(1, { pages })
  t.teardown(() => edges.close())
  const { port, links } = edges.workers[0]!
  const connection = await rawConnect(port)
  t.teardown(() => connection.destroy())
  for (const path of ['/throws', '/rejects', '/headers', '/api/a/?limpet=1&throw=1', '/api/a/?throw=1']) {
    connection.write(request(path))
    const response = await connection.response()
    isSentence(t, response, 500, path)
    t.equal(response.headers['content-encoding'], undefined)
    t.match(edges.errors.pop(), 'a request handler failed', path)
  }
  connection.write(request('/false'))
  isSentence(t, await connection.response(), 404, 'a promise of false')
  isSentence(t, await ask(port, upgradeRequest('/api/a/?limpet=1&throw=1')), 500, 'upgrade')
  connection.write(request('/half'))
  await t.rejects(connection.response(), /ended/, 'half an answer is cut')
  t.equal(edges.errors.length, 2)

  const gone = await rawConnect(port)
  gone.write(request('/api/a/?limpet=1&hang=1'))
  await until(() => links.held.length === 1)
  const { res } = links.held[0]!
  gone.destroy()
  await once(res, 'close')
  res.write('for nobody')
  res.end()
  t.equal((await ask(port, request('/api/a/'))).status, 200, 'writing to a client that left harms nobody')
})

t.test('an address that the client claims is not believed', async (t) => {
  const edges = await startEdges(2)
  t.teardown(() => edges.close())
  const claims = { headers: { 'X-Limpet-Address': '1.2.3.4', Connection: 'x-limpet-address, keep-alive' } }
  for (const slot of [0, 1]) {
    const echo = echoOf(await ask(edges.workers[0]!.port, request(`/api/${edges.segment(slot)}/`, claims)))
    t.match(echo, { slot, address: '127.0.0.1' })
    t.equal(echo.headers['x-limpet-address'], undefined)
  }
})

t.test('deadlines: slow heads and bodies are cut, what waits for the server is not', async (t) => {
  const edges = await startEdges(2, { headMs: 200, keepAliveMs: 300, bodyMs: 400 })
  t.teardown(() => edges.close())
  const { port, links } = edges.workers[0]!
  const own = `/api/${edges.segment(0)}/?limpet=1`
  const begin = performance.now()
  const open = async (text: string): Promise<Awaited<ReturnType<typeof rawConnect>>> => {
    const connection = await rawConnect(port)
    t.teardown(() => connection.destroy())
    connection.write(text)
    return connection
  }
  const poll = await open(request(`${own}&hang=1`))
  const forwarded = await open(request(`/api/${edges.segment(1)}/?limpet=1&hang=1`))
  const upgraded = await open(upgradeRequest(own))
  const tunnelled = await open(upgradeRequest(`/api/${edges.segment(1)}/?limpet=1`))
  for (const connection of [upgraded, tunnelled]) t.equal((await connection.response()).status, 101)

  const idle = await open(request(own))
  const silent = await open('')
  const late = await open(request(own))
  const drip = await open(request(own))
  for (const connection of [idle, late, drip]) t.equal((await connection.response()).status, 200)
  late.write('GET / HTTP/1.1\r\nHost: x\r\n')
  const dripping = setInterval(() => drip.write('X-A: b\r\n'), 50)
  t.teardown(() => clearInterval(dripping))
  drip.write('GET / HTTP/1.1\r\n')
  const body = await open(`POST ${own} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc`)
  const forwardedBody = await open(
    `POST /api/${edges.segment(1)}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc`,
  )
  isSentence(t, await late.response(), 408, 'a head that does not end')
  isSentence(t, await drip.response(), 408, 'a head that comes drop by drop')
  clearInterval(dripping)
  await Promise.all([idle, silent, late, drip, body, forwardedBody].map((connection) => connection.end(3000)))
  t.ok(performance.now() - begin >= 390, 'not before its time')
  await until(
    () => edges.workers[1]!.edge.sockets === 2,
    2000,
    'the owner lost the forwarded body, not the rest',
  )

  for (const connection of [poll, forwarded, upgraded, tunnelled]) t.equal(connection.ended, 'no')
  for (const worker of edges.workers) worker.links.held[0]!.res.end('at last')
  for (const connection of [poll, forwarded])
    t.equal((await connection.response()).body.toString(), 'at last')
  t.equal(links.held.length, 1)
})

t.test('what is refused while more comes can still be read', async (t) => {
  const edges = await startEdges(1, { headBytes: 1024 })
  t.teardown(() => edges.close())
  const connection = await rawConnect(edges.workers[0]!.port)
  t.teardown(() => connection.destroy())
  connection.write(`GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(300_000)}\r\n\r\n`)
  isSentence(t, await connection.response(), 431, 'oversize, with more behind')
  connection.socket.end()
  await once(connection.socket, 'close')
  await until(() => edges.workers[0]!.edge.sockets === 0)
})

t.test('an upgrade cannot overtake the answer before it', async (t) => {
  const edges = await startEdges(2)
  t.teardown(() => edges.close())
  const connection = await rawConnect(edges.workers[0]!.port)
  t.teardown(() => connection.destroy())
  connection.write(request(`/api/${edges.segment(0)}/?limpet=1&hang=1`))
  connection.write(upgradeRequest(`/api/${edges.segment(1)}/?limpet=1`))
  await connection.end()
  t.equal(edges.workers[1]!.links.upgraded.length, 0)
})

t.test('close', async (t) => {
  const edges = await startEdges(2)
  const { port, edge } = edges.workers[0]!
  const poll = await rawConnect(port)
  poll.write(request(`/api/${edges.segment(1)}/?limpet=1&hang=1`))
  const tunnel = await rawConnect(port)
  tunnel.write(upgradeRequest(`/api/${edges.segment(1)}/`))
  await tunnel.response()
  await until(() => edges.workers[1]!.links.held.length === 1)
  await edges.close()
  await Promise.all([poll.end(), tunnel.end()])
  t.equal(edge.sockets + edges.workers[1]!.edge.sockets, 0)
})

nothingLeft(t)
