/**
 * One other worker: the two streams with it, and the connection that carries both for a while.
 *
 * What makes it exactly once: a connection begins with two hellos. Each says how many of the other's items are in its
 * memory (`taken`), and from there on both ends count, so neither repeats nor gaps can arise on it. What is committed
 * (`received`) is said apart, and only that is forgotten.
 */
import type { Connection, ConnectionOwner } from './connection.ts'
import type { Loss } from './dialer.ts'
import { type BusHello, type Envelope, encodeBusHello, faultOf } from './envelope.ts'
import { Exchange, type ExchangePorts } from './exchange.ts'
import { judge } from './greeting.ts'

export interface PeerPorts extends ExchangePorts {
  readonly self: { readonly slot: number; readonly generation: number; readonly epoch: string }
  /** The peer has no connection now. */
  lost(peer: Peer, loss: Loss): void
}

export class Peer implements ConnectionOwner {
  readonly slot: number
  /** The highest heard of. */
  generation = 0
  /** Connections dialled to it. */
  #dialled = 0
  /** The last connection of it that was accepted. */
  #accepted = { generation: 0, attempt: 0 }
  readonly #ports: PeerPorts
  /** Of the memory that the streams are with; empty when there was none yet. */
  #epoch: string
  #connection: Connection | null = null
  readonly #exchange: Exchange

  constructor(slot: number, ports: PeerPorts) {
    this.slot = slot
    this.#ports = ports
    const { streams } = ports
    this.#epoch = streams.epoch?.(slot) ?? ''
    const left = this.#epoch === '' ? 0 : streams.outbox(slot).end
    this.#exchange = new Exchange(slot, left, ports, (connection, reason) => this.#fault(connection, reason))
  }

  // — the worker's side —

  flush(): void {
    this.#exchange.flush()
  }

  /** @returns how many items may have left */
  cut(): number {
    const { log, streams } = this.#ports
    const { base, end, bytes } = streams.outbox(this.slot)
    log.warn({ peer: this.slot, items: end - base, bytes }, 'bus: a peer is too far behind and was cut off')
    return this.#exchange.outgoing.cut()
  }

  received(count: number): void {
    this.#exchange.incoming.commit(count)
  }

  /** Sends the count that the peer is owed, though nothing else leaves. */
  tell(): void {
    this.#exchange.tell()
  }

  ask(data: Uint8Array): Promise<Uint8Array> {
    return this.#exchange.ask(data)
  }

  /** A higher generation closes the lower. */
  expect(generation: number): void {
    if (generation <= this.generation) return
    this.generation = generation
    this.#drop()
  }

  close(): void {
    // Without cutting it off: what was written may still leave.
    this.#detach()
    this.#exchange.close()
  }

  // — connections —

  /** This end dialled: its hello goes first. */
  dialled(connection: Connection): void {
    this.#dialled += 1
    const hello = this.#adopt(connection, this.#dialled)
    connection.write(hello)
  }

  /** The peer dialled, and this is its hello. */
  accepted(connection: Connection, hello: BusHello): void {
    const { generation, attempt } = hello
    const isLate = generation === this.#accepted.generation && attempt <= this.#accepted.attempt
    if (generation < this.generation || isLate) {
      connection.destroy()
      return
    }
    this.generation = generation
    this.#accepted = { generation, attempt }
    const answer = this.#adopt(connection, attempt)
    if (!this.#agree(connection, hello)) return
    connection.write(answer)
    this.#opened(connection)
  }

  #answered(connection: Connection, hello: BusHello): void {
    if (hello.slot !== this.slot || hello.generation !== this.generation)
      this.#fault(connection, 'somebody else answered')
    else if (this.#agree(connection, hello)) this.#opened(connection)
  }

  /** Fences the one before. @returns this end's hello */
  #adopt(connection: Connection, attempt: number): Uint8Array {
    this.#drop()
    this.#connection = connection
    connection.owner = this
    const { incoming } = this.#exchange
    const { taken, check } = incoming
    const received = incoming.tell()
    return encodeBusHello({ ...this.#ports.self, attempt, about: this.#epoch, taken, check, received })
  }

  /** @returns false when the connection had to end */
  #agree(connection: Connection, hello: BusHello): boolean {
    const { events, self, streams } = this.#ports
    const { incoming, outgoing } = this.#exchange
    const outbox = streams.outbox(this.slot)
    const { base } = outbox
    const { taken } = incoming
    const check = outbox.checkAt(hello.taken)
    const verdict = judge(hello, { epoch: self.epoch, about: this.#epoch, taken, base, check })
    switch (verdict.kind) {
      case 'continue':
        outgoing.cursor = hello.taken
        this.#exchange.acknowledged(hello.received)
        return true
      case 'meet':
        if (verdict.reset) this.#reset()
        this.#epoch = hello.epoch
        outgoing.cursor = 0
        // Who keeps the epoch has to commit it before anything is said to that memory.
        if (events.met) outgoing.due = 0
        events.met?.(this.slot, hello.epoch)
        return true
      case 'misfit':
        this.#reset()
        this.#fault(connection, 'the counts or checks do not fit')
        return false
    }
  }

  #opened(connection: Connection): void {
    connection.greeted()
    this.#ports.figures.peersConnected += 1
    this.#exchange.opened(connection)
  }

  #reset(): void {
    this.#exchange.reset()
    this.#epoch = ''
    this.#ports.log.warn({ peer: this.slot }, 'bus: the streams with a peer begin again')
    this.#ports.events.reset(this.slot)
  }

  #fault(connection: Connection, reason: string): void {
    this.#ports.log.warn({ peer: this.slot, reason }, 'bus: a connection was ended')
    if (connection !== this.#connection) return
    this.#drop()
    this.#ports.lost(this, 'fault')
  }

  lost(connection: Connection): void {
    this.#drop()
    this.#ports.lost(this, connection.open ? 'broken' : 'unreachable')
  }

  #drop(): void {
    this.#detach()?.destroy()
  }

  #detach(): Connection | null {
    const connection = this.#connection
    this.#connection = null
    this.#exchange.detached()
    if (connection?.open) this.#ports.figures.peersConnected -= 1
    return connection
  }

  // — what comes —

  envelope(connection: Connection, envelope: Envelope): void {
    if (connection.open) this.#exchange.take(connection, envelope)
    else if (envelope.type === 'hello') this.#answered(connection, envelope.hello)
    else this.#fault(connection, faultOf(envelope))
  }

  drained(): void {
    this.#exchange.drained()
  }
}
