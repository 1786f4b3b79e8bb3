import t from 'tap'
import { isSentence, startEdges } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { rawConnect, request, upgradeRequest } from '../support/raw.ts'
import { until } from '../support/until.ts'

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
  connection.write('b'.repeat(300_000))
  await connection.end()
  t.equal(connection.ended, 'end', 'no reset that could overtake the answer')
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
