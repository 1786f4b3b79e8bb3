import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocketServer } from 'ws'
import { nothingLeft } from './nothing-left.ts'
import { ask, rawConnect, request, upgradeRequest } from './raw.ts'
import { parseResponse } from './responses.ts'

async function httpServer(t: Test): Promise<number> {
  const server = createServer((req, res) => {
    if (req.url === '/chunked') {
      res.write('first,')
      setImmediate(() => res.end('second'))
      return
    }
    if (req.url === '/empty') return void res.writeHead(204).end()
    const body: Buffer[] = []
    req.on('data', (chunk) => body.push(chunk))
    req.on('end', () => res.end(`${req.method} ${req.url} ${Buffer.concat(body)}`))
  })
  const wss = new WebSocketServer({ server })
  wss.on('connection', (ws) =>
    ws.on('message', (data, isBinary) => ws.send(data as Buffer, { binary: isBinary })),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const ws of wss.clients) ws.terminate()
    wss.close()
    server.close()
    await once(server, 'close')
  })
  return (server.address() as AddressInfo).port
}

t.test('several requests on one connection, all kinds of bodies', async (t) => {
  const port = await httpServer(t)
  const c = await rawConnect(port)
  c.write(
    request('/a') + request('/chunked') + request('/empty') + request('/b', { method: 'POST', body: 'é' }),
  )
  const responses = [await c.response(), await c.response(), await c.response(), await c.response()]
  t.same(
    responses.map((r) => [r.status, String(r.body)]),
    [
      [200, 'GET /a '],
      [200, 'first,second'],
      [204, ''],
      [200, 'POST /b é'],
    ],
  )
  c.destroy()
})

t.test('pieces: the server sees one request', async (t) => {
  const port = await httpServer(t)
  const c = await rawConnect(port)
  await c.writePieces(request('/abc').split(/(?<=b)/), 5)
  t.equal(String((await c.response()).body), 'GET /abc ')
  c.destroy()
  t.equal(String((await ask(port, request('/x'))).body), 'GET /x ')
})

t.test('responses split at every byte, and one that ends with its connection', async (t) => {
  const text =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nHTTP/1.1 100 C'
  const whole = text.indexOf('HTTP/1.1 100')
  const early = Array.from({ length: whole }, (_, size) =>
    parseResponse(Buffer.from(text.slice(0, size)), false),
  )
  t.ok(early.every((parsed) => parsed === null))
  const parsed = parseResponse(Buffer.from(text), false)!
  t.equal(String(parsed.response.body), 'abc0123456789')
  t.equal(String(parsed.rest), 'HTTP/1.1 100 C')

  const open = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\nno')
  t.equal(parseResponse(open, false), null)
  t.equal(String(parseResponse(open, true)?.response.body), 'no')
  t.throws(() => parseResponse(Buffer.from('SSH-2.0\r\n\r\n'), false), /not a response/)
})

t.test('an upgrade and frames of all lengths', async (t) => {
  const c = await rawConnect(await httpServer(t))
  c.write(upgradeRequest('/'))
  t.equal((await c.response()).status, 101)
  for (const length of [0, 1, 125, 126, 65535, 65536]) {
    const text = 'x'.repeat(length)
    c.sendFrame(text)
    const { opcode, payload } = await c.frame()
    t.same([opcode, payload.length, String(payload) === text], [1, length, true])
  }
  c.sendFrame(Uint8Array.of(1, 2, 3))
  t.same(await c.frame(), { opcode: 2, payload: Buffer.of(1, 2, 3) })
  c.sendFrame('', 9)
  t.equal((await c.frame()).opcode, 10)
  c.destroy()
})

t.test('an end before the answer is told with what had come', async (t) => {
  const server = createTcpServer((socket) => void socket.end('HTTP/1.1 2'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const c = await rawConnect((server.address() as AddressInfo).port)
  await t.rejects(c.response(), /ended \(end\) before a response; it had sent "HTTP\/1.1 2"/)
  await c.end()
  c.destroy()
  server.close()
  await once(server, 'close')
})

nothingLeft(t)
