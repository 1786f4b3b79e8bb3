/**
 * The bus of one machine: a mesh of unix sockets, one connection per pair of workers. The lower slot dials. One
 * connection, not one per direction: both streams begin and end with it, so a single exchange of hellos settles both,
 * and a count travels in the same write as the items of the other direction.
 */
import { readdir, rm } from 'node:fs/promises'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { LimpetError } from '../wire/codes.ts'
import type { Bus, BusEvents, BusFigures, BusLog, BusStreams } from './bus.ts'
import { Connection, type ConnectionLimits, type ConnectionOwner } from './connection.ts'
import { Dialer } from './dialer.ts'
import { type Envelope, faultOf } from './envelope.ts'
import { Peer, type PeerPorts } from './peer.ts'

/** How long a count may wait for something to leave with. */
const RECEIVED_MS = 50
/** What the kernel takes as a socket's name, without the closing zero. */
const PATH_BYTES_MAX = 107
/** Of all sockets in the directory, whatever they are for. */
const SOCKET_NAME = /^[a-z]+-([0-9]+)-([0-9]+)$/

export interface MeshOptions {
  readonly slot: number
  readonly generation: number
  /** Private directory (0700) of the workers' sockets: `bus-<slot>-<generation>`, and others named like that. */
  readonly directory: string
  /** Random name of this worker's memory, 1 to 64 characters: it lasts exactly as long as the streams do. */
  readonly epoch: string
  readonly streams: BusStreams
  readonly events: BusEvents
  readonly log?: BusLog
  /** A question without a reply fails after so many ms. */
  readonly askTimeoutMs: number
  /** Largest frame in bytes, so more than the largest message; default 64 MiB. */
  readonly frameBytes?: number
  /** A connection without a hello ends after so many ms, default 5000: a busy worker may take a while. */
  readonly helloTimeoutMs?: number
  /** Bytes given to a socket at once, default 1 MiB; the rest stays in the outbox until they have left. */
  readonly writeBytes?: number
}

/** Resolves when peers can connect; rejects when the socket cannot be made. */
export async function createMesh(options: MeshOptions): Promise<Bus> {
  const mesh = new Mesh(options)
  await mesh.listen()
  return mesh
}

class Mesh implements Bus, ConnectionOwner {
  readonly figures: BusFigures = {
    itemsSent: 0,
    itemsResent: 0,
    itemsReceived: 0,
    writes: 0,
    bytesSent: 0,
    peersConnected: 0,
    peersOverflowed: 0,
    cuts: 0,
  }
  readonly #slot: number
  readonly #directory: string
  readonly #path: string
  readonly #ports: PeerPorts
  readonly #limits: ConnectionLimits
  readonly #server: Server
  readonly #peers = new Map<number, Peer>()
  readonly #dialers = new Map<number, Dialer>()
  readonly #connections = new Set<Connection>()
  #swept = false
  #tellTimer: NodeJS.Timeout | null = null
  #closing: Promise<void> | null = null

  constructor(options: MeshOptions) {
    const { slot, generation, epoch } = options
    this.#slot = slot
    this.#directory = options.directory
    this.#path = this.#pathOf(slot, generation)
    const frameBytes = options.frameBytes ?? 64 * 1024 * 1024
    this.#limits = { frameBytes, helloTimeoutMs: options.helloTimeoutMs ?? 5000 }
    this.#ports = {
      self: { slot, generation, epoch },
      streams: options.streams,
      events: options.events,
      figures: this.figures,
      log: options.log ?? { warn() {} },
      frameBytes,
      writeBytes: options.writeBytes ?? 1024 * 1024,
      askTimeoutMs: options.askTimeoutMs,
      owes: () => this.#tellSoon(),
      lost: (peer, loss) => this.#dialers.get(peer.slot)?.lost(loss),
    }
    this.#server = createServer((socket) => this.#connection(socket, this))
  }

  async listen(): Promise<void> {
    // Longer names are cut off by the kernel's interface, silently.
    if (Buffer.byteLength(this.#path) > PATH_BYTES_MAX)
      throw new Error(`the socket directory's name is too long: ${this.#path}`)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      // In a cluster worker a plain listen would make the primary hold the socket and hand every connection over.
      this.#server.listen({ path: this.#path, exclusive: true }, () => {
        this.#server.off('error', reject)
        this.#server.on('error', (err) => this.#ports.log.warn({ err }, 'bus: a connection was not accepted'))
        resolve()
      })
    })
  }

  fleet(generations: readonly number[]): void {
    if (this.#closing) return
    const { slot: own, generation } = this.#ports.self
    if (generations[own] === generation) void this.#sweep()
    generations.forEach((generation, slot) => {
      if (slot === this.#slot) return
      const peer = this.#peer(slot)
      peer.expect(generation)
      // A hello may have told of a newer process before the primary does.
      if (slot > this.#slot && (generation === 0 || generation === peer.generation))
        this.#dialer(peer).expect(generation)
    })
  }

  /** Nobody else closes the sockets of a process that was killed. Who holds the slot now is the last one alive. */
  async #sweep(): Promise<void> {
    if (this.#swept) return
    this.#swept = true
    const { self, log } = this.#ports
    try {
      for (const name of await readdir(this.#directory)) {
        const [, slot, generation] = SOCKET_NAME.exec(name) ?? []
        if (Number(slot) === self.slot && Number(generation) < self.generation)
          await rm(join(this.#directory, name), { force: true })
      }
    } catch (err) {
      log.warn({ err }, 'bus: the sockets of former processes could not be removed')
    }
  }

  flush(): void {
    for (const peer of this.#peers.values()) peer.flush()
  }

  received(from: number, count: number): void {
    this.#peer(from).received(count)
  }

  cut(to: number): number {
    return this.#peer(to).cut()
  }

  ask(to: number, data: Uint8Array): Promise<Uint8Array> {
    if (this.#closing || to === this.#slot) return Promise.reject(new LimpetError('room_unavailable'))
    return this.#peer(to).ask(data)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#tellTimer) clearTimeout(this.#tellTimer)
    for (const dialer of this.#dialers.values()) dialer.stop()
    const finished = [...this.#connections].map((connection) => connection.finish())
    for (const peer of this.#peers.values()) peer.close()
    const closed = new Promise((resolve) => this.#server.close(resolve))
    await Promise.all([...finished, closed])
  }

  // — connections that have not said whose they are —

  envelope(connection: Connection, envelope: Envelope): void {
    if (envelope.type !== 'hello') this.#refuse(connection, faultOf(envelope))
    else if (envelope.hello.slot >= this.#slot)
      this.#refuse(connection, `slot ${envelope.hello.slot} does not dial this one`)
    else this.#peer(envelope.hello.slot).accepted(connection, envelope.hello)
  }

  #refuse(connection: Connection, reason: string): void {
    this.#ports.log.warn({ reason }, 'bus: a connection was refused')
    connection.destroy()
  }

  drained(): void {}

  lost(): void {}

  #connection(socket: Socket, owner: ConnectionOwner): Connection {
    const connection = new Connection(socket, owner, this.#limits, this.figures)
    this.#connections.add(connection)
    void connection.closed.then(() => this.#connections.delete(connection))
    return connection
  }

  #pathOf(slot: number, generation: number): string {
    return join(this.#directory, `bus-${slot}-${generation}`)
  }

  #peer(slot: number): Peer {
    let peer = this.#peers.get(slot)
    if (!peer) {
      peer = new Peer(slot, this.#ports)
      this.#peers.set(slot, peer)
    }
    return peer
  }

  #dialer(peer: Peer): Dialer {
    let dialer = this.#dialers.get(peer.slot)
    if (!dialer) {
      dialer = new Dialer((generation) =>
        peer.dialled(this.#connection(dial(this.#pathOf(peer.slot, generation)), peer)),
      )
      this.#dialers.set(peer.slot, dialer)
    }
    return dialer
  }

  #tellSoon(): void {
    this.#tellTimer ??= setTimeout(() => {
      this.#tellTimer = null
      for (const peer of this.#peers.values()) peer.tell()
    }, RECEIVED_MS)
  }
}
