import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { connect as secure, type TLSSocket } from 'node:tls'
import pino from 'pino'
import t, { type Test } from 'tap'
import type { Edge } from '../../lib/worker/http.ts'
import { Terminator } from '../../lib/worker/terminator.ts'
import { certificate } from '../support/certificate.ts'
import { type Echo, isSentence, startEdges } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { RawConnection, request } from '../support/raw.ts'
import { until } from '../support/until.ts'

const ticketKeys = new Uint8Array(48).fill(7)
const [one, two] = [certificate('one'), certificate('two')]

/** A port that gives what it accepts to a terminator before this edge. */
async function terminatorBefore(t: Test, edge: Edge, handshakeMs = 5000, address: string | null = null) {
  const terminator = new Terminator({
    certificate: { ...one, ticketKeys },
    handshakeMs,
    log: pino({ level: 'silent' }),
    secured: (socket, said) => edge.adopt(socket, said),
  })
  const front = createServer({ allowHalfOpen: true }, (socket) => terminator.accept(socket, address)).listen(
    0,
  )
  await once(front, 'listening')
  t.teardown(() => front.close())
  return { terminator, port: (front.address() as AddressInfo).port }
}

async function handshake(t: Test, port: number): Promise<TLSSocket> {
  const socket = secure({ port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

t.test('requests go to their owners; a slow head is told so', async (t) => {
  const edges = await startEdges(2, { headMs: 200, keepAliveMs: 300 })
  t.teardown(() => edges.close())
  const { port } = await terminatorBefore(t, edges.workers[0]!.edge)
  const connection = new RawConnection(await handshake(t, port))
  for (const slot of [0, 1]) {
    connection.write(request(`/api/${edges.segment(slot)}/`))
    const echo = JSON.parse(String((await connection.response()).body)) as Echo
    t.match([echo.slot, echo.address], [slot, /127\.0\.0\.1$/])
  }
  connection.write('GET / HTTP/1.1\r\n')
  isSentence(t, await connection.response(), 408, 'a second head')
  const fresh = new RawConnection(await handshake(t, port))
  fresh.write('GET / HTTP/1.1\r\n')
  isSentence(t, await fresh.response(), 408, 'a first one')
  await until(() => edges.workers[0]!.edge.sockets === 0)
})

t.test('the address that a proxy has said', async (t) => {
  const edges = await startEdges(1)
  t.teardown(() => edges.close())
  const { port } = await terminatorBefore(t, edges.workers[0]!.edge, 5000, '192.0.2.7')
  const connection = new RawConnection(await handshake(t, port))
  connection.write(request(`/api/${edges.segment(0)}/`))
  const echo = JSON.parse(String((await connection.response()).body)) as Echo
  t.equal(echo.address, '192.0.2.7')
})

t.test('a handshake that is late, dripping or not, or that is none, ends', async (t) => {
  const edges = await startEdges(1)
  t.teardown(() => edges.close())
  const { port } = await terminatorBefore(t, edges.workers[0]!.edge, 200)
  const HELLO = Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01)
  const sockets = ['', HELLO, HELLO, 'GET / HTTP/1.1\r\n\r\n'].map((text) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume().write(text)
    return socket
  })
  const drip = setInterval(() => sockets[2]!.write(Uint8Array.of(0)), 30)
  await Promise.all(sockets.map((socket) => once(socket, 'close')))
  clearInterval(drip)
  t.equal(edges.workers[0]!.edge.sockets, 0)
})

t.test('another certificate counts for new connections; close cuts handshakes', async (t) => {
  const edges = await startEdges(1)
  t.teardown(() => edges.close())
  const { port, terminator } = await terminatorBefore(t, edges.workers[0]!.edge)
  const first = await handshake(t, port)
  terminator.renew({ ...two, ticketKeys })
  const second = await handshake(t, port)
  t.same(
    [first, second].map((socket) => socket.getPeerCertificate().subject.CN),
    ['one', 'two'],
  )
  const connection = new RawConnection(first)
  connection.write(request(`/api/${edges.segment(0)}/`))
  t.equal((await connection.response()).status, 200, 'the old connection goes on')

  const waiting = connect(port, '127.0.0.1').resume()
  await once(waiting, 'connect')
  terminator.close()
  await Promise.all([waiting, first, second].map((socket) => socket.closed || once(socket, 'close')))
})

nothingLeft(t)
