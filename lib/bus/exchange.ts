/** What goes over the two streams with a peer while a connection carries them: items, counts, questions and replies. */
import { LimpetError } from '../wire/codes.ts'
import { Asks } from './asks.ts'
import { Batch } from './batch.ts'
import type { BusEvents, BusFigures, BusLog, BusStreams } from './bus.ts'
import type { Connection } from './connection.ts'
import { type Envelope, encodeAnswer, encodeReceived, faultOf } from './envelope.ts'
import { Incoming } from './incoming.ts'
import type { Note } from './notes.ts'
import { Outgoing } from './outgoing.ts'

export interface ExchangePorts {
  readonly streams: BusStreams
  readonly events: BusEvents
  readonly figures: BusFigures
  readonly log: BusLog
  readonly frameBytes: number
  readonly writeBytes: number
  readonly askTimeoutMs: number
  /** A count waits for something to leave with. */
  owes(): void
}

export class Exchange {
  readonly incoming: Incoming
  readonly outgoing: Outgoing
  readonly #slot: number
  readonly #ports: ExchangePorts
  /** The connection has to end. */
  readonly #fault: (connection: Connection, reason: string) => void
  readonly #asks: Asks
  /** That is open. */
  #connection: Connection | null = null
  #waking: NodeJS.Immediate | null = null

  /** @param left items that may have gone out before this process */
  constructor(
    slot: number,
    left: number,
    ports: ExchangePorts,
    fault: (connection: Connection, reason: string) => void,
  ) {
    const { streams, figures } = ports
    this.#slot = slot
    this.#ports = ports
    this.#fault = fault
    this.#asks = new Asks(ports.askTimeoutMs)
    this.incoming = new Incoming(streams.received(slot), streams.receivedCheck(slot))
    this.outgoing = new Outgoing(left, ports.frameBytes, figures)
  }

  // — the connection —

  opened(connection: Connection): void {
    this.#connection = connection
    for (const note of this.#asks.notes) this.#queue(note)
    this.#pump()
  }

  detached(): void {
    this.#connection = null
    this.outgoing.notes.clear()
  }

  /** Both streams begin again. */
  reset(): void {
    this.incoming.reset()
    this.outgoing.reset()
    for (const note of this.#asks.notes) note.after = 0
  }

  close(): void {
    this.#asks.rejectAll()
    if (this.#waking) clearImmediate(this.#waking)
  }

  // — the worker's side —

  flush(): void {
    this.outgoing.commit(this.#ports.streams.outbox(this.#slot).end)
    this.#pump()
  }

  /** Sends the count that the peer is owed, though nothing else leaves. */
  tell(): void {
    this.#pump('with or without items')
  }

  ask(data: Uint8Array): Promise<Uint8Array> {
    const { end } = this.#ports.streams.outbox(this.#slot)
    const { note, reply } = this.#asks.add(data, end, (note) => this.outgoing.notes.withdraw(note))
    if (note) this.#queue(note)
    return reply
  }

  // — what comes —

  take(connection: Connection, envelope: Envelope): void {
    const { events, figures } = this.#ports
    switch (envelope.type) {
      case 'item': {
        figures.itemsReceived += 1
        const number = this.incoming.take(envelope.bytes)
        events.item(this.#slot, number, envelope.bytes, this.incoming.check)
        break
      }
      case 'received':
        if (envelope.count > this.outgoing.cursor) this.#fault(connection, 'received more than was sent')
        else this.acknowledged(envelope.count)
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

  acknowledged(count: number): void {
    if (count <= this.#ports.streams.outbox(this.#slot).base) return
    this.outgoing.received(count)
    this.#ports.events.acknowledged(this.#slot, count)
  }

  async #answer(connection: Connection, id: number, question: Uint8Array): Promise<void> {
    const { events, frameBytes, log, streams } = this.#ports
    let bytes: Uint8Array
    try {
      bytes = encodeAnswer(id, await events.ask(this.#slot, question))
      if (bytes.length > frameBytes) throw new LimpetError('payload_too_large')
    } catch (err) {
      log.warn({ peer: this.#slot, err }, 'bus: a question could not be answered')
      bytes = encodeAnswer(id, null)
    }
    if (connection !== this.#connection) return
    if (this.outgoing.notes.bytes > 2 * frameBytes) this.#fault(connection, 'it does not take its replies')
    else this.#queue({ after: streams.outbox(this.#slot).end, bytes })
  }

  // — what leaves —

  drained(): void {
    this.#pump()
  }

  /** Behind items that are not committed it leaves with them, at the next flush; else at the end of this turn. */
  #queue(note: Note): void {
    if (!this.#connection) return
    this.outgoing.notes.push(note)
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
    const incoming = this.incoming
    const outgoing = this.outgoing
    const connection = this.#connection
    if (!connection || (outgoing.idle && !incoming.owed)) return
    do {
      if (connection.full) return
      const batch = new Batch()
      outgoing.fill(batch, streams.outbox(this.#slot), writeBytes)
      if (incoming.owed) {
        if (batch.size > 0 || incoming.pressing || tell) batch.envelope(encodeReceived(incoming.tell()))
        else this.#ports.owes()
      }
      if (batch.size === 0) return
      connection.write(batch.encode())
    } while (!outgoing.idle)
  }
}
