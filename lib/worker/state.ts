/**
 * All that a worker remembers: sessions, rooms, homes, streams. `apply.ts` is the only code that changes what is
 * durable in it; the lists at the end are notes of one turn.
 */
import type { BusStreams } from '../bus/bus.ts'
import type { Frame } from '../wire/frames.ts'
import { Outbox } from '../wire/stream.ts'
import type { SessionData } from './api.ts'
import { Bundle } from './bundle.ts'
import type { Session, Tombstone } from './session.ts'

/** A room's members on this worker. */
export interface LocalRoom {
  readonly members: Set<Session>
}

export interface HomeMember {
  readonly slot: number
  readonly data: SessionData
}

/** A room at its home: one order, one history, one member list. */
export interface HomeRoom {
  /** Number of the last message. */
  last: number
  readonly members: Map<string, HomeMember>
  /** Members per slot, so that a message goes to interested workers only. */
  readonly slots: Map<number, number>
  history: HistoryItem[]
  historyBytes: number
}

export interface HistoryItem {
  readonly number: number
  readonly frame: Frame
}

export interface StateLimits {
  /** Unreceived bytes a session may hold; one larger frame alone is let through. */
  readonly outboxBytes: number
  /** Messages a home keeps per room. */
  readonly history: number
  /** Bytes of them; the last one is kept whatever its size. */
  readonly historyBytes: number
  /** Rooms without members whose history is kept. */
  readonly emptyRooms: number
}

/** One direction to and one from another slot. */
interface PeerStreams {
  outbox: Outbox<Frame>
  received: number
}

export class WorkerState implements BusStreams {
  readonly slot: number
  readonly limits: StateLimits
  readonly sessions = new Map<string, Session>()
  /** By SHA-256 of the client's key. */
  readonly byKey = new Map<string, Session>()
  readonly tombstones = new Map<string, Tombstone>()
  readonly rooms = new Map<string, LocalRoom>()
  readonly homes = new Map<string, HomeRoom>()
  /** Homes without members, longest empty first: only their history is left, and that is bounded in number. */
  readonly emptyHomes = new Set<string>()
  readonly peers = new Map<number, PeerStreams>()

  // Notes of one turn.
  /** Sessions that have something to send. */
  dirty: Session[] = []
  /** Sessions whose outbox could not take a frame: the turn ends them. */
  overflowed: Session[] = []
  root = new Bundle(null, null)

  constructor(slot: number, limits: StateLimits) {
    this.slot = slot
    this.limits = limits
  }

  outbox(to: number): Outbox<Frame> {
    return this.peer(to).outbox
  }

  received(from: number): number {
    return this.peers.get(from)?.received ?? 0
  }

  peer(slot: number): PeerStreams {
    let peer = this.peers.get(slot)
    if (!peer) {
      peer = { outbox: new Outbox<Frame>(), received: 0 }
      this.peers.set(slot, peer)
    }
    return peer
  }

  touch(session: Session): void {
    if (session.dirty) return
    session.dirty = true
    this.dirty.push(session)
  }
}
