/** Ends the TLS of clients' connections: what comes out of them is HTTP like any other. */
import type { Socket } from 'node:net'
import { createServer, type Server } from 'node:tls'
import type { Logger } from 'pino'
import type { Certificate } from '../wire/ipc.ts'

export interface TerminatorSetup {
  readonly certificate: Certificate
  /** How long a handshake may take. */
  readonly handshakeMs: number
  readonly log: Logger
  readonly secured: (socket: Socket) => void
}

export class Terminator {
  /** Never listens: its connections come from the primary. */
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor({ certificate, handshakeMs, log, secured }: TerminatorSetup) {
    const options = { handshakeTimeout: handshakeMs, ALPNProtocols: ['http/1.1'] }
    this.#server = createServer({ ...contextOf(certificate), ...options }, secured)
    this.#server.on('tlsClientError', (error, socket) => {
      log.debug({ err: error }, 'a TLS handshake failed')
      // Node leaves one that is late as it is.
      socket.destroy()
    })
  }

  /** @param socket with what was read of it put back */
  accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
    this.#server.emit('connection', socket)
  }

  /** For handshakes from now on. */
  renew(certificate: Certificate): void {
    this.#server.setSecureContext(contextOf(certificate))
  }

  /** Cuts all that is left: who is in the middle of a handshake. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}

function contextOf({ cert, key, ticketKeys }: Certificate) {
  return { cert, key, ticketKeys: Buffer.from(ticketKeys) }
}
