/** Accepts connections, reads the first request head of each, and lets go of it: to a worker, or with an answer. */
import net from 'node:net'
import type { Logger } from 'pino'
import { PerAddress } from '../addresses.ts'
import type { Options } from '../options.ts'
import { Proxies } from '../proxies.ts'
import { type Answer, CROWDED, encodeAnswer, HEAD_CUT, HEAD_LATE, NO_WORKER, STOPPING } from './answer.ts'
import { Deadlines } from './deadlines.ts'
import type { Arrival } from './handover.ts'
import { type Head, HeadReader } from './head.ts'
import { HelloReader } from './hello.ts'
import { ProxyHeader } from './proxy-header.ts'
import { acceptRaw, detach, type RawHandle, wrap } from './raw.ts'

export interface AcceptorSetup {
  readonly options: Pick<
    Options,
    'port' | 'host' | 'path' | 'headBytes' | 'headMs' | 'connectionsPerAddress' | 'trustProxy' | 'tlsCert'
  >
  readonly log: Logger
  /** Takes the connection over, or returns false: then the client gets 503. */
  readonly place: (arrival: Arrival) => boolean
  readonly health: () => Answer
}

/** A connection whose first head is not complete. */
interface Reading {
  readonly socket: net.Socket
  readonly head: HeadReader | HelloReader
  /** Of a proxy that is trusted: what stands before the head; null behind it. */
  introduction: ProxyHeader | null
  /** Of the client, where a proxy said so. */
  address: string | null
  /** It is no longer one of its address whose head is awaited. */
  readonly release: () => void
}

/** How long an answered client may take to close its side: closing at once could reset the answer away. */
const LINGER_MS = 1000

export class Acceptor {
  readonly #setup: AcceptorSetup
  readonly #server = net.createServer()
  readonly #reading: Deadlines<Reading>
  readonly #lingering = new Deadlines<net.Socket>(LINGER_MS, (socket) => socket.destroy())
  /** Connections whose head is awaited. */
  readonly #unplaced: PerAddress
  readonly #proxies: Proxies
  #open = false

  constructor(setup: AcceptorSetup) {
    this.#setup = setup
    this.#proxies = new Proxies(setup.options.trustProxy)
    this.#unplaced = new PerAddress(setup.options.connectionsPerAddress)
    this.#reading = new Deadlines(setup.options.headMs, (late) => {
      // Who has said nothing yet expects TLS, and no answer of the primary's.
      if (this.#secure) late.socket.destroy()
      else this.#answer(late.socket, this.#open ? HEAD_LATE : STOPPING)
    })
  }

  /** Resolves to the port; rejects with the error of listen(2). */
  listen(): Promise<number> {
    const { port, host } = this.#setup.options
    const server = this.#server
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      // The kernel cuts the backlog down to what it allows; a crowd coming back should find all of that.
      server.listen({ port, host, backlog: 4096 }, () => {
        server.off('error', reject)
        this.#open = true
        acceptRaw(
          server,
          (handle) => this.#accepted(handle),
          (errno) => this.#setup.log.warn({ errno }, 'a connection could not be accepted'),
        )
        resolve((server.address() as net.AddressInfo).port)
      })
    })
  }

  /** Connections whose head is still being read. */
  get reading(): number {
    return this.#reading.size
  }

  /** For a connection that no worker can take any more. */
  refuse(handle: RawHandle): void {
    if (this.#secure) {
      handle.close()
      return
    }
    const socket = wrap(handle, () => {})
    socket.on('error', () => {})
    this.#answer(socket, this.#open ? NO_WORKER : STOPPING)
  }

  /** Accepts nothing more; who has not finished its head is told so. */
  close(): void {
    this.#open = false
    this.#server.close()
    this.#reading.close()
  }

  /** After close(): cuts the clients that were answered and still hold on. */
  end(): void {
    this.#lingering.close()
  }

  get #secure(): boolean {
    return this.#setup.options.tlsCert !== ''
  }

  #accepted(handle: RawHandle): void {
    const { path, headBytes, connectionsPerAddress } = this.#setup.options
    const head = this.#secure ? new HelloReader() : new HeadReader(path, headBytes)
    let reading: Reading | null = null
    const socket = wrap(handle, (bytes) => {
      // What comes after an answer is read only so that the answer is not reset away.
      if (reading && this.#reading.has(reading)) this.#take(reading, bytes)
    })
    socket.on('error', () => {})
    const asked = connectionsPerAddress > 0 || !this.#proxies.none
    const address = asked ? (socket.remoteAddress ?? '') : ''
    const isProxy = this.#proxies.trusts(address)
    if (!isProxy && this.#unplaced.isFull(address)) return this.#answer(socket, CROWDED)
    const release = isProxy ? () => {} : this.#unplaced.hold(address)
    const introduction = isProxy ? new ProxyHeader(headBytes) : null
    reading = { socket, head, introduction, address: null, release }
    this.#reading.add(reading)
    socket.on('close', () => {
      release()
      this.#reading.delete(reading)
    })
    socket.on('end', () => {
      if (!this.#reading.delete(reading)) return
      if (socket.bytesRead > 0) this.#answer(socket, HEAD_CUT)
      else socket.destroy()
    })
  }

  #take(reading: Reading, bytes: Uint8Array): void {
    if (!reading.introduction) return this.#read(reading, reading.head.push(bytes))
    const said = reading.introduction.push(bytes)
    if (said.kind === 'more') return
    if (said.kind === 'bad') return this.#read(reading, { ...said, status: 400 })
    reading.introduction = null
    reading.address = said.address
    this.#read(reading, reading.head.push(said.rest))
  }

  #read(reading: Reading, head: Head): void {
    if (head.kind === 'more') return
    this.#reading.delete(reading)
    const { socket } = reading
    if (head.kind === 'bad') {
      this.#answer(socket, { status: head.status, body: head.reason })
    } else if (head.route.kind === 'health' && (head.method === 'GET' || head.method === 'HEAD')) {
      this.#answer(socket, this.#setup.health(), head.method === 'HEAD')
    } else {
      const handle = detach(socket)
      reading.release()
      if (!handle) socket.destroy()
      else {
        const { bytes, route } = head
        if (!this.#setup.place({ handle, head: bytes, route, address: reading.address })) this.refuse(handle)
      }
    }
  }

  #answer(socket: net.Socket, answer: Answer, bare = false): void {
    if (socket.destroyed) return
    if (!answer.json) this.#setup.log.debug({ status: answer.status }, answer.body)
    socket.end(encodeAnswer(answer, bare))
    this.#lingering.add(socket)
    socket.on('close', () => this.#lingering.delete(socket))
  }
}
