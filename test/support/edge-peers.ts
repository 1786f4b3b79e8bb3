/** What stands on either side of an edge and does as told: a client that sees every byte, an owner of a slot. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { httpSocketPath } from '../../lib/worker/forward.ts'
import type { Edges } from './edges.ts'
import { until } from './until.ts'

/** A peer that sees every byte, for what is no response and no frame. */
export class Bytes {
  readonly socket: Socket
  ended = false
  #text = ''

  constructor(t: Test, port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).setEncoding('latin1')
    this.socket.on('error', () => {})
    this.socket.on('data', (text) => {
      this.#text += text
    })
    this.socket.on('end', () => {
      this.ended = true
    })
    t.teardown(() => this.socket.destroy())
  }

  /** What comes up to the end of `text`. */
  async upTo(text: string): Promise<string> {
    await until(() => this.#text.includes(text), 5000, text.slice(0, 40))
    const end = this.#text.indexOf(text) + text.length
    const taken = this.#text.slice(0, end)
    this.#text = this.#text.slice(end)
    return taken
  }
}

/** An owner of slot 1 that does as told, instead of an edge. */
export async function fakeOwner(
  t: Test,
  edges: Edges,
  serve: (socket: Socket) => void,
): Promise<Set<Socket>> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  server.listen(httpSocketPath(edges.directory, 1, 99))
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  edges.workers[0]!.edge.fleet([1, 99])
  return sockets
}
