/** What a worker has of the bus: the real peers and connections, on sockets of memory. Who dials is the world's. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { BusEvents, BusFigures, BusStreams } from '../../lib/bus/bus.ts'
import { Connection, type ConnectionOwner } from '../../lib/bus/connection.ts'
import type { Envelope } from '../../lib/bus/envelope.ts'
import { Peer, type PeerPorts } from '../../lib/bus/peer.ts'

const FRAME_BYTES = 64 * 1024
/** Small, so that a batch takes more than one write and a socket is full now and then. */
const WRITE_BYTES = 500
const HIGH_BYTES = 800

interface Self {
  readonly slot: number
  readonly generation: number
  readonly epoch: string
  readonly workers: number
}

export class SimBus implements ConnectionOwner {
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
  /** Of each slot, as the primary last told. */
  readonly generations: number[]
  /** Lines of the log: faults of peers. */
  readonly warnings: string[] = []
  readonly #self: Self
  readonly #ports: PeerPorts
  readonly #peers = new Map<number, Peer>()

  constructor(self: Self, streams: BusStreams, events: BusEvents) {
    this.#self = self
    this.generations = new Array(self.workers).fill(0)
    this.#ports = {
      self,
      streams,
      events,
      figures: this.figures,
      log: { warn: (fields, message) => void this.warnings.push(`${message} ${JSON.stringify(fields)}`) },
      frameBytes: FRAME_BYTES,
      writeBytes: WRITE_BYTES,
      askTimeoutMs: 5000,
      owes: () => {},
      lost: () => {},
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

  /** The time for which a count may wait for something to leave with is over. */
  tell(): void {
    for (const peer of this.#peers.values()) peer.tell()
  }

  /** The primary said who holds a slot. */
  expect(slot: number, generation: number): void {
    this.generations[slot] = generation
    this.#peer(slot).expect(generation)
  }

  dial(slot: number, socket: SimSocket): void {
    this.#peer(slot).dialled(this.#connection(socket, this.#peer(slot)))
  }

  accept(socket: SimSocket): void {
    this.#connection(socket, this)
  }

  #connection(socket: SimSocket, owner: ConnectionOwner): Connection {
    const limits = { frameBytes: FRAME_BYTES, helloTimeoutMs: 60_000 }
    return new Connection(socket as unknown as Socket, owner, limits, this.figures)
  }

  #peer(slot: number): Peer {
    let peer = this.#peers.get(slot)
    if (!peer) {
      peer = new Peer(slot, this.#ports)
      this.#peers.set(slot, peer)
    }
    return peer
  }

  // — connections that have not said whose they are —

  envelope(connection: Connection, envelope: Envelope): void {
    if (envelope.type === 'hello' && envelope.hello.slot < this.#self.slot)
      return this.#peer(envelope.hello.slot).accepted(connection, envelope.hello)
    this.warnings.push(`a connection was refused: ${envelope.type}`)
    connection.destroy()
  }

  drained(): void {}

  lost(): void {}
}

/** As much of a `Socket` as a connection uses. Bytes wait until the world moves them. */
export class SimSocket extends EventEmitter {
  /** On their way to this end. */
  coming: Buffer[] = []
  comingBytes = 0
  destroyed = false
  /** Nothing enters the wire any more. */
  cut = false
  other!: SimSocket
  #needsDrain = false

  static pair(): [SimSocket, SimSocket] {
    const pair: [SimSocket, SimSocket] = [new SimSocket(), new SimSocket()]
    pair[0].other = pair[1]
    pair[1].other = pair[0]
    return pair
  }

  get writableNeedDrain(): boolean {
    return this.#needsDrain
  }

  write(bytes: Uint8Array): void {
    if (this.cut || this.destroyed) return
    this.other.coming.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    this.other.comingBytes += bytes.length
    if (this.other.comingBytes >= HIGH_BYTES) this.#needsDrain = true
  }

  /** Up to so many bytes arrive, as one chunk. */
  move(bytes: number): void {
    const joined = this.coming.length === 1 ? this.coming[0]! : Buffer.concat(this.coming)
    const chunk = joined.subarray(0, bytes)
    const rest = joined.subarray(bytes)
    this.coming = rest.length > 0 ? [rest] : []
    this.comingBytes = rest.length
    if (!this.destroyed) this.emit('data', chunk)
    this.other.#took()
  }

  #took(): void {
    if (!this.#needsDrain || this.destroyed || this.other.comingBytes > 0) return
    this.#needsDrain = false
    this.emit('drain')
  }

  /** What is behind so many bytes is lost. */
  lose(bytes: number): void {
    const kept = Buffer.concat(this.coming).subarray(0, bytes)
    this.coming = kept.length > 0 ? [kept] : []
    this.comingBytes = kept.length
  }

  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.cut = true
    this.other.cut = true
    this.emit('close')
  }

  destroySoon(): void {
    this.destroy()
  }
}
