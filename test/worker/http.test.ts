import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import { type Echo, isSentence, startEdges } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import type { RawResponse } from '../support/responses.ts'
import { until } from '../support/until.ts'

const echoOf = (response: RawResponse): Echo => JSON.parse(response.body.toString()) as Echo

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
    ['PUT /api/a/', 400],
    ['get /', 400],
  ]
  for (const [line, status] of lines) {
    const response = await ask(port, `${line} HTTP/1.1\r\nHost: x\r\n\r\n`)
    if (status === 200) t.equal(response.status, 200, line)
    else isSentence(t, response, status, JSON.stringify(line))
    if (!line.startsWith('GET')) continue
    const upgrade = await ask(
      port,
      `${line} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n`,
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
    if (req.url === '/whole') res.end('w'.repeat(4_000_000))
    if (req.url === '/twice') return [res.end('t'.repeat(4_000_000)), res.write('more')]
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
  for (const [path, message] of [
    ['/whole', 'a request handler failed'],
    ['/twice', 'a request handler misused its response'],
  ] as const) {
    const response = await ask(port, request(path))
    t.equal(response.body.length, 4_000_000, `${path}: an answer that is whole is left alone`)
    t.match(edges.errors.pop(), message)
  }

  const gone = await rawConnect(port)
  gone.write(request('/api/a/?limpet=1&sid=0-x&hang=1'))
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

nothingLeft(t)
