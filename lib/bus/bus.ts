/**
 * The contract of the bus: what carries items between workers (`mesh.ts`), and later between machines.
 *
 * A bus carries lasting streams: one from each slot to each other slot, numbered from 1, that outlive connections.
 * The streams themselves (outboxes, counts, checks) belong to the worker's state, so that its journal can hold them;
 * the bus only reads them, carries frames, and reports. Their bound is the worker's business, too: see `cut`.
 *
 * ```ts
 * const bus = await createMesh({ slot: 0, generation: 7, directory, epoch, streams, log, askTimeoutMs: 5000, events: {
 *   item: (from, number, data, check) => state.takeItem(from, number, data, check),
 *   acknowledged: (to, count) => state.itemsAcknowledged(to, count),
 *   reset: (slot) => state.peerLostItsMemory(slot),
 *   met: (slot, epoch) => state.peerMet(slot, epoch),
 *   ask: async (from, data) => answer(data),
 * }})
 * bus.fleet([7, 9])                    // the primary said who holds which slot
 * streams.outbox(1).append(frameOfItem({ kind: 'leave', room: 'lobby', session: 's1' }))
 * journal.write(batch)                 // output commit: the batch is written …
 * bus.received(1, 42)                  // told to slot 1 only after the write, too
 * bus.flush()                          // … before any of it leaves
 * const reply = await bus.ask(1, question)
 * await bus.close()
 * ```
 */
import type { Frame } from '../wire/frames.ts'
import type { Outbox } from '../wire/stream.ts'

/** The streams of a worker, as the bus sees them. */
export interface BusStreams {
  /** What is to go to a slot and is not yet known to be received there. */
  outbox(to: number): Outbox<Frame>
  /** How many items of a slot's stream are in this worker's state. Read before the first of them comes. */
  received(from: number): number
  /** Rolling check over those: `check` of the last one. */
  receivedCheck(from: number): number
  /**
   * What `met` last told, until `reset`; null for none. Streams that survive the process need it; without it the bus
   * remembers for its own life.
   */
  epoch?(slot: number): string | null
}

export interface BusEvents {
  /**
   * Item `number` of the stream from `from`: each exactly once and in order, as long as neither side is reset. `check`
   * is the rolling check over 1 … number.
   */
  item(from: number, number: number, data: Uint8Array, check: number): void
  /** The peer has committed 1 … count of what was sent to it. */
  acknowledged(to: number, count: number): void
  /**
   * The peer came back with another epoch, or its counts or checks do not fit: one side lost its memory. Both streams
   * with it begin again at 0, before any further item; what was appended and not received is lost. A flush must follow.
   */
  reset(slot: number): void
  /** The epoch of the memory that the streams with a peer are with from now on. A flush must follow. */
  met?(slot: number, epoch: string): void
  /** A question of a peer; what it resolves to is the reply. A rejection reaches the asker as `room_unavailable`. */
  ask(from: number, data: Uint8Array): Promise<Uint8Array>
}

export interface Bus {
  /**
   * The generation that holds each slot (index = slot, 0 = none now). The bus connects to the ones it needs. Items
   * that a worker recovered leave with the first flush behind it.
   */
  fleet(generations: readonly number[]): void
  /**
   * Sends all that was appended to outboxes since the last flush: one write per peer. What a socket cannot take now
   * follows by itself; what was appended and not flushed never leaves, not even on a new connection.
   */
  flush(): void
  /**
   * `count` items of `from` are committed. The peer is told with whatever leaves at the next flush, or alone: then at
   * once when it is about much, else within 50 ms.
   */
  received(from: number, count: number): void
  /**
   * The stream to a peer is past its bound: it counts as overflowed until it has received what is in the outbox at the
   * next flush, and before that nothing of it leaves. Items behind those that may have left can be taken back.
   * @returns the number of the last one that may have left
   */
  cut(to: number): number
  /**
   * Asks a peer; ordered behind the items already appended, as the reply is at the other end. Needs no flush of its
   * own. Not counted: asked again after a broken connection, so it may be answered twice and must change nothing.
   * Rejects with `room_unavailable` after `askTimeoutMs`, or when the bus closes.
   */
  ask(to: number, data: Uint8Array): Promise<Uint8Array>
  /** Figures for metrics and tests. */
  readonly figures: Readonly<BusFigures>
  close(): Promise<void>
}

export interface BusFigures {
  itemsSent: number
  itemsResent: number
  itemsReceived: number
  writes: number
  bytesSent: number
  peersConnected: number
  /** Cut off and not yet caught up. */
  peersOverflowed: number
  cuts: number
}

/** What a bus needs of a log. */
export interface BusLog {
  warn(fields: object, message: string): void
}
