import t, { type Test } from 'tap'
import { fakeOwner } from '../support/edge-peers.ts'
import { type Echo, type Edges, startEdges } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, type RawConnection, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import type { RawResponse } from '../support/responses.ts'

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

t.test('an owner that is not there, or goes', async (t) => {
  const edges = await start(t, 2)
  const path = `/api/${edges.segment(1)}/`
  const { port, edge } = edges.workers[0]!
  const isUnavailable = (response: RawResponse, about: string): void => {
    t.match(response, { status: 503, headers: { 'retry-after': '1' } }, about)
    t.match(response.body.toString(), /^[A-Z].*\.$/, about)
  }
  for (const [generation, about] of [
    [0, 'no worker holds the slot'],
    [98, 'nobody listens'],
  ] as const) {
    edge.fleet([1, generation])
    isUnavailable(await ask(port, request(path)), about)
    isUnavailable(await ask(port, request(path, { method: 'POST', body: 'b' })), about)
    isUnavailable(await ask(port, upgradeRequest(path)), `${about}, upgrade`)
  }
  const owners = await fakeOwner(t, edges, (socket) => socket.on('data', () => socket.destroy()))
  const connection = await dial(t, edges)
  connection.write(request(path))
  isUnavailable(await connection.response(), 'it dies before it answers')
  connection.write(request(`/api/${edges.segment(0)}/`))
  t.equal(echoOf(await connection.response()).slot, 0, 'the connection lives on')
  connection.write(upgradeRequest(path))
  await connection.end()
  t.equal(owners.size, 2, 'the upgrade it took is not tried again')
  edge.fleet([1, 2])
  t.equal(echoOf(await ask(port, request(path))).slot, 1, 'the next holder')
})

t.test('an owner that dies in the middle of an answer cuts it', async (t) => {
  const edges = await start(t, 2)
  await fakeOwner(t, edges, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', () => socket.destroy())
    })
  })
  const connection = await dial(t, edges)
  connection.write(request(`/api/${edges.segment(1)}/`))
  await t.rejects(connection.response(), /the connection ended/)
})

nothingLeft(t)
