/**
 * One other worker: the two streams with it, and the connection that carries both for a while.
 *
 * What makes it exactly once: a connection begins with two hellos. Each says how many of the other's items are in its
 * memory (`taken`), and from there on both ends count, so neither repeats nor gaps can arise on it. What is committed
 * (`received`) is said apart, and only that is forgotten.
 */
import { LimpetError } from '../wire/codes.ts'
import { Asks } from './asks.ts'
import { Batch } from './batch.ts'
import type { BusEvents, BusFigures, BusLog, BusStreams } from './bus.ts'
import type { Connection, ConnectionOwner } from './connection.ts'
import type { Loss } from './dialer.ts'
import {
  type BusHello,
  type Envelope,
  encodeAnswer,
  encodeBusHello,
  encodeReceived,
  faultOf,
} from './envelope.ts'
import { judge } from './greeting.ts'
import { Incoming } from './incoming.ts'
import type { Note } from './notes.ts'
import { Outgoing } from './outgoing.ts'

export interface PeerPorts {
  readonly self: { readonly slot: number; readonly generation: number; readonly epoch: string }
  readonly streams: BusStreams
  readonly events: BusEvents
  readonly figures: BusFigures
  readonly log: BusLog
  readonly frameBytes: number
  readonly writeBytes: number
  readonly askTimeoutMs: number
  /** A count waits for something to leave with. */
  owes(): void
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
  readonly #incoming: Incoming
  readonly #outgoing: Outgoing
  readonly #asks: Asks
  #waking: NodeJS.Immediate | null = null

  constructor(slot: number, ports: PeerPorts) {
    this.slot = slot
    this.#ports = ports
    const { streams, figures } = ports
    this.#asks = new Asks(ports.askTimeoutMs)
    this.#epoch = streams.epoch?.(slot) ?? ''
    this.#incoming = new Incoming(streams.received(slot), streams.receivedCheck(slot))
    const left = this.#epoch === '' ? 0 : streams.outbox(slot).end
    this.#outgoing = new Outgoing(left, ports.frameBytes, figures)
  }

  // — the worker's side —

  flush(): void {
    this.#outgoing.commit(this.#ports.streams.outbox(this.slot).end)
    this.#pump()
  }

  /** @returns how many items may have left */
  cut(): number {
    const { log, streams } = this.#ports
    const { base, end, bytes } = streams.outbox(this.slot)
    log.warn({ peer: this.slot, items: end - base, bytes }, 'bus: a peer is too far behind and was cut off')
    return this.#outgoing.cut()
  }

  received(count: number): void {
    this.#incoming.commit(count)
  }

  /** Sends the count that the peer is owed, though nothing else leaves. */
  tell(): void {
    this.#pump('with or without items')
  }

  ask(data: Uint8Array): Promise<Uint8Array> {
    const { end } = this.#ports.streams.outbox(this.slot)
    const { note, reply } = this.#asks.add(data, end, (note) => this.#outgoing.notes.withdraw(note))
    if (note) this.#queue(note)
    return reply
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
    this.#asks.rejectAll()
    if (this.#waking) clearImmediate(this.#waking)
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
    const { taken, check } = this.#incoming
    const received = this.#incoming.tell()
    return encodeBusHello({ ...this.#ports.self, attempt, about: this.#epoch, taken, check, received })
  }

  /** @returns false when the connection had to end */
  #agree(connection: Connection, hello: BusHello): boolean {
    const { events, self, streams } = this.#ports
    const outbox = streams.outbox(this.slot)
    const { base } = outbox
    const { taken } = this.#incoming
    const check = outbox.checkAt(hello.taken)
    const verdict = judge(hello, { epoch: self.epoch, about: this.#epoch, taken, base, check })
    switch (verdict.kind) {
      case 'continue':
        this.#outgoing.cursor = hello.taken
        this.#acknowledged(hello.received)
        return true
      case 'meet':
        if (verdict.reset) this.#reset()
        this.#epoch = hello.epoch
        this.#outgoing.cursor = 0
        // Who keeps the epoch has to commit it before anything is said to that memory.
        if (events.met) this.#outgoing.due = 0
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
    for (const note of this.#asks.notes) this.#queue(note)
    this.#pump()
  }

  #reset(): void {
    this.#incoming.reset()
    this.#outgoing.reset()
    this.#epoch = ''
    for (const note of this.#asks.notes) note.after = 0
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
    this.#outgoing.notes.clear()
    if (connection?.open) this.#ports.figures.peersConnected -= 1
    return connection
  }

  // — what comes —

  envelope(connection: Connection, envelope: Envelope): void {
    if (connection.open) this.#take(connection, envelope)
    else if (envelope.type === 'hello') this.#answered(connection, envelope.hello)
    else this.#fault(connection, faultOf(envelope))
  }

  #take(connection: Connection, envelope: Envelope): void {
    const { events, figures } = this.#ports
    switch (envelope.type) {
      case 'item': {
        figures.itemsReceived += 1
        const number = this.#incoming.take(envelope.bytes)
        events.item(this.slot, number, envelope.bytes, this.#incoming.check)
        break
      }
      case 'received':
        if (envelope.count > this.#outgoing.cursor) this.#fault(connection, 'received more than was sent')
        else this.#acknowledged(envelope.count)
        break
      case 'ask':
        void this.#answer(connection, envelope.id, envelope.bytes)
        break
      case 'reply':
        this.#asks.settle(envelope.id, envelope.ok ? envelope.bytes : null)
        break
      default:
        this.#fault(connection, faultOf(envelope))
    }
  }

  #acknowledged(count: number): void {
    if (count <= this.#ports.streams.outbox(this.slot).base) return
    this.#outgoing.received(count)
    this.#ports.events.acknowledged(this.slot, count)
  }

  async #answer(connection: Connection, id: number, question: Uint8Array): Promise<void> {
    const { events, frameBytes, log, streams } = this.#ports
    let bytes: Uint8Array
    try {
      bytes = encodeAnswer(id, await events.ask(this.slot, question))
      if (bytes.length > frameBytes) throw new LimpetError('payload_too_large')
    } catch (err) {
      log.warn({ peer: this.slot, err }, 'bus: a question could not be answered')
      bytes = encodeAnswer(id, null)
    }
    if (connection !== this.#connection) return
    if (this.#outgoing.notes.bytes > 2 * frameBytes) this.#fault(connection, 'it does not take its replies')
    else this.#queue({ after: streams.outbox(this.slot).end, bytes })
  }

  // — what leaves —

  drained(): void {
    this.#pump()
  }

  /** Behind items that are not committed it leaves with them, at the next flush; else at the end of this turn. */
  #queue(note: Note): void {
    if (!this.#connection?.open) return
    this.#outgoing.notes.push(note)
    this.#waking ??= setImmediate(() => {
      this.#waking = null
      this.#pump()
    })
  }

  /**
   * One write of all that may leave, up to `writeBytes`. What the kernel does not take at once makes the rest wait for
   * 'drain'; what it does take brings no 'drain', so then it goes on here.
   */
  #pump(tell?: 'with or without items'): void {
    const { streams, writeBytes } = this.#ports
    const incoming = this.#incoming
    const outgoing = this.#outgoing
    const connection = this.#connection
    if (!connection?.open || (outgoing.idle && !incoming.owed)) return
    do {
      if (connection.full) return
      const batch = new Batch()
      outgoing.fill(batch, streams.outbox(this.slot), writeBytes)
      if (incoming.owed) {
        if (batch.size > 0 || incoming.pressing || tell) batch.envelope(encodeReceived(incoming.tell()))
        else this.#ports.owes()
      }
      if (batch.size === 0) return
      connection.write(batch.encode())
    } while (!outgoing.idle)
  }
}
