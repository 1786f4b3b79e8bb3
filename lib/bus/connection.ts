/** One connection between two workers: a socket, its reader, and who is told of what comes. */
import type { Socket } from 'node:net'
import type { BusFigures } from './bus.ts'
import { type Envelope, EnvelopeReader } from './envelope.ts'

/** How long the last bytes may take to leave when the bus closes. */
const FINISH_MS = 250

export interface ConnectionLimits {
  readonly frameBytes: number
  /** An end that has not said hello by then is cut off. */
  readonly helloTimeoutMs: number
}

export interface ConnectionOwner {
  envelope(connection: Connection, envelope: Envelope): void
  /** What was written has left. */
  drained(connection: Connection): void
  /** The other end is gone. Not called for what this end cut off. */
  lost(connection: Connection): void
}

export class Connection {
  /** Both hellos are through. */
  open = false
  owner: ConnectionOwner
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #reader: EnvelopeReader
  readonly #figures: BusFigures
  readonly #helloTimer: NodeJS.Timeout
  #fenced = false

  constructor(socket: Socket, owner: ConnectionOwner, limits: ConnectionLimits, figures: BusFigures) {
    this.#socket = socket
    this.owner = owner
    this.#reader = new EnvelopeReader(limits.frameBytes)
    this.#figures = figures
    this.#helloTimer = setTimeout(() => socket.destroy(), limits.helloTimeoutMs)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => {
      if (!this.#fenced) this.owner.drained(this)
    })
    // A refused or reset connection says so here and then in 'close', where it is dealt with.
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        clearTimeout(this.#helloTimer)
        if (!this.#fenced) this.owner.lost(this)
        resolve()
      })
    })
  }

  /** The kernel has not taken what was written; `drained` will say when. */
  get full(): boolean {
    return this.#socket.writableNeedDrain
  }

  greeted(): void {
    this.open = true
    clearTimeout(this.#helloTimer)
  }

  write(bytes: Uint8Array): void {
    this.#figures.writes += 1
    this.#figures.bytesSent += bytes.length
    this.#socket.write(bytes)
  }

  /** Fences it at once: nothing that still comes out of it counts. */
  destroy(): void {
    this.#fenced = true
    this.#socket.destroy()
  }

  /** Fences it, and lets what was written leave for a moment. */
  async finish(): Promise<void> {
    this.#fenced = true
    if (!this.open) this.#socket.destroy()
    const timer = setTimeout(() => this.#socket.destroy(), FINISH_MS)
    this.#socket.destroySoon()
    await this.closed
    clearTimeout(timer)
  }

  #read(chunk: Buffer): void {
    if (this.#fenced) return
    this.#reader.push(chunk)
    // An owner may cut the connection off on any envelope.
    while (!this.#fenced) {
      const envelope = this.#reader.next()
      if (!envelope) return
      this.owner.envelope(this, envelope)
    }
  }
}
