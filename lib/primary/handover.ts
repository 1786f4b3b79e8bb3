/**
 * The connections on their way to one worker process. Node would queue them too, but quadratically, and when the
 * worker dies it forgets them: clients hang, descriptors leak. So one is in flight, the others wait here.
 */
import type { Worker } from 'node:cluster'
import type { Route } from '../placement.ts'
import { Deadlines } from './deadlines.ts'
import { type RawHandle, unconfirmed } from './raw.ts'

export interface Arrival {
  readonly handle: RawHandle
  /** Every byte read from it. */
  readonly head: Uint8Array
  readonly route: Route
  /** Of the client, where a proxy that is trusted said so before the head. */
  readonly address: string | null
}

/** The worker got the message without its descriptor (it had none left): tried so often before giving up. */
const TRIES = 3

export interface HandoverLimits {
  /** Connections that may wait for one worker … */
  readonly waiting: number
  /** … and for how long. */
  readonly ms: number
}

export class Handover {
  readonly #worker: Worker
  readonly #limit: number
  readonly #lost: (arrival: Arrival, leaving: boolean) => void
  /** Its client has given up by then; the descriptor would be held, and the worker given it, for nobody. */
  readonly #waiting: Deadlines<Arrival>
  #flying: Arrival | null = null
  #tries = 0
  /** Confirmations of others' handles, which come before that of the one that flies. */
  #others = 0
  /** Node still needs the handle until the send is written; where much goes on at once that is told last. */
  #written = true
  #confirmation: 'none' | 'ack' | 'nack' = 'none'
  #closed = false

  /**
   * @param lost one that the worker cannot take, or not in time, though it lives; `leaving`: another may
   */
  constructor(
    worker: Worker,
    { waiting, ms }: HandoverLimits,
    lost: (arrival: Arrival, leaving: boolean) => void,
  ) {
    this.#worker = worker
    this.#limit = waiting
    this.#lost = lost
    this.#waiting = new Deadlines(ms, (late) => lost(late, false))
    worker.process.on('internalMessage', this.#confirmed)
  }

  /** Connections that the worker has not confirmed. */
  get size(): number {
    return this.#waiting.size + (this.#flying ? 1 : 0)
  }

  /** False when too many wait already, or the worker is gone: the connection stays the caller's. */
  push(arrival: Arrival): boolean {
    if (this.#closed || this.#waiting.size >= this.#limit) return false
    this.#waiting.add(arrival)
    this.#next()
    return true
  }

  /**
   * The worker is told to leave, and has not left: what waits can be given to another. The one on its way may arrive yet;
   * `close` or `lost` says what became of it.
   */
  cut(): Arrival[] {
    this.#closed = true
    return this.#waiting.take()
  }

  /**
   * The worker is gone, and its channel read to the end. What it never confirmed it never saw (a worker confirms
   * before it looks at the message), so all of these can be given to another.
   */
  close(): Arrival[] {
    this.#closed = true
    this.#worker.process.off('internalMessage', this.#confirmed)
    const flying = this.#flying
    this.#flying = null
    const left = this.#waiting.take()
    if (flying && this.#confirmation === 'ack') flying.handle.close()
    else if (flying) left.unshift(flying)
    this.#waiting.close()
    return left
  }

  #next(): void {
    if (this.#flying || !this.#written || this.#closed) return
    this.#flying = this.#waiting.shift()
    this.#tries = 0
    if (this.#flying) this.#send(this.#flying)
  }

  #send(arrival: Arrival): void {
    this.#written = false
    this.#confirmation = 'none'
    this.#others = unconfirmed(this.#worker.process)
    // An error means that the worker is dying: what is left is collected by close().
    const { head, address, handle } = arrival
    this.#worker.send({ type: 'connection', head, address }, handle as never, () => {
      this.#written = true
      this.#landed()
    })
  }

  /** Node's own confirmation of a handle; the only sign that the worker holds it. */
  readonly #confirmed = (message: unknown): void => {
    const cmd = (message as { cmd?: unknown }).cmd
    if (!this.#flying || (cmd !== 'NODE_HANDLE_ACK' && cmd !== 'NODE_HANDLE_NACK')) return
    if (this.#others > 0) {
      this.#others -= 1
      return
    }
    this.#confirmation = cmd === 'NODE_HANDLE_ACK' ? 'ack' : 'nack'
    this.#landed()
  }

  #landed(): void {
    const arrival = this.#flying
    // Without one: the worker is gone, and what flew was taken back.
    if (!arrival) return this.#next()
    if (!this.#written || this.#confirmation === 'none') return
    if (this.#confirmation === 'nack' && ++this.#tries < TRIES) {
      this.#send(arrival)
      return
    }
    this.#flying = null
    // Node never closes a raw handle that it sent.
    if (this.#confirmation === 'ack') arrival.handle.close()
    else this.#lost(arrival, this.#closed)
    this.#next()
  }
}
