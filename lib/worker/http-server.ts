/** One of a worker's HTTP servers: every request, every upgrade, and what is neither. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { answer } from './answer.ts'
import type { Connections } from './connections.ts'

export type Exchange =
  | { readonly kind: 'request'; readonly req: IncomingMessage; readonly res: ServerResponse }
  | {
      readonly kind: 'upgrade'
      readonly req: IncomingMessage
      readonly socket: Socket
      readonly head: Buffer
    }

export interface HttpServerEvents {
  take(exchange: Exchange): void
  /** Answered here, and soon. */
  meet(req: IncomingMessage, res: ServerResponse): void
  refused(status: number, sentence: string): void
}

interface HttpServerLimits {
  /** Bytes. */
  readonly maxHeaderSize: number
  /** ms; 0: none. */
  readonly keepAliveTimeout: number
}

export function createHttpServer(
  limits: HttpServerLimits,
  connections: Connections,
  events: HttpServerEvents,
): Server {
  // Node answers a missing Host without a word, and drops headers past a number instead of refusing them.
  const server = createServer({ ...limits, requireHostHeader: false })
  server.maxHeadersCount = 0
  // Else an answer that is on its way from another worker is lost to a client that has ended its side.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.headersTimeout = server.requestTimeout = 0
  server.on('request', (req, res) => events.take({ kind: 'request', req, res }))
  server.on('upgrade', (req, socket, head) =>
    events.take({ kind: 'upgrade', req, socket: socket as Socket, head }),
  )
  server.on('connect', (_, socket) => connections.refuse(socket as Socket, 400, 'This server is no proxy.'))
  server.on('checkExpectation', (req, res) => {
    events.meet(req, res)
    answer(res, 417, 'This expectation is not met here.')
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!error.code?.startsWith('HPE_')) {
      socket.destroy()
      return
    }
    const large = error.code === 'HPE_HEADER_OVERFLOW'
    const status = large ? 431 : 400
    const sentence = large
      ? `The request head is larger than ${limits.maxHeaderSize} bytes.`
      : 'The request is malformed.'
    events.refused(status, sentence)
    connections.refuse(socket as Socket, status, sentence)
  })
  return server
}
