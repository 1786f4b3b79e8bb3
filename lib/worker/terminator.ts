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
  /** `address`: of the client, where a proxy has said it. */
  readonly secured: (socket: Socket, address: string | null) => void
}

export class Terminator {
  /** Never listens: its connections come from the primary. */
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** By the other end of the connection. */
  readonly #addresses = new Map<string, string>()

  constructor({ certificate, handshakeMs, log, secured }: TerminatorSetup) {
    const options = { handshakeTimeout: handshakeMs, ALPNProtocols: ['http/1.1'] }
    this.#server = createServer({ ...contextOf(certificate), ...options }, (socket) =>
      secured(socket, this.#addresses.get(otherEnd(socket)) ?? null),
    )
    this.#server.on('tlsClientError', (error, socket) => {
      log.debug({ err: error }, 'a TLS handshake failed')
      // Node leaves one that is late as it is.
      socket.destroy()
    })
  }

  /**
   * @param socket with what was read of it put back
   * @param address where a proxy has said it
   */
  accept(socket: Socket, address: string | null): void {
    const end = otherEnd(socket)
    this.#sockets.add(socket)
    if (address !== null) this.#addresses.set(end, address)
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#addresses.delete(end)
    })
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

function otherEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function contextOf({ cert, key, ticketKeys }: Certificate) {
  return { cert, key, ticketKeys: Buffer.from(ticketKeys) }
}
