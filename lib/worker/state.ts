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
  /** Those of them that are told who comes and goes. */
  watchers: Set<Session> | null
}

export interface HomeMember {
  readonly slot: number
  /** What of its session's data others may see. */
  readonly data: SessionData
  readonly watches: boolean
}

/** A room at its home: one order, one history, one member list. */
export interface HomeRoom {
  /** Random name of this memory of the room: with another one the numbers began again, and the history was lost. */
  readonly epoch: string
  /** Number of the last message. */
  last: number
  readonly members: Map<string, HomeMember>
  /** Members per slot, so that a message goes to interested workers only. */
  readonly slots: Map<number, number>
  /** Members that watch, per slot. */
  readonly watching: Map<number, number>
  /** Oldest first. */
  readonly history: HistoryItem[]
  historyBytes: number
}

export interface HistoryItem {
  readonly number: number
  /** When it got its place. */
  readonly at: number
  readonly frame: Frame
}

export interface StateLimits {
  /** Unreceived bytes a session may hold; one larger frame alone is let through. */
  readonly outboxBytes: number
  /** Messages a home keeps per room. */
  readonly history: number
  /** Bytes of them; the last one is kept whatever its size. */
  readonly historyBytes: number
  /** How old they may be; 0: as old as they like. */
  readonly historyAgeMs: number
  /** Rooms without members that a home remembers, and bytes of their histories. */
  readonly emptyRooms: number
  readonly emptyRoomsBytes: number
}

/** One direction to and one from another slot. */
interface PeerStreams {
  outbox: Outbox<Frame>
  received: number
  /** Rolling check over what is received. */
  receivedCheck: number
  /** Of the memory that both are with; null before the first meeting. */
  epoch: string | null
}

export class WorkerState implements BusStreams {
  readonly slot: number
  limits: StateLimits
  readonly sessions = new Map<string, Session>()
  /** By a keyed hash of the client's key. */
  readonly byKey = new Map<string, Session>()
  readonly tombstones = new Map<string, Tombstone>()
  readonly rooms = new Map<string, LocalRoom>()
  readonly homes = new Map<string, HomeRoom>()
  /** Homes without members, longest empty first: only their history is left, and that is bounded. */
  readonly emptyHomes = new Set<string>()
  /** Bytes of those histories. */
  emptyBytes = 0
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

  receivedCheck(from: number): number {
    return this.peers.get(from)?.receivedCheck ?? 0
  }

  epoch(slot: number): string | null {
    return this.peers.get(slot)?.epoch ?? null
  }

  peer(slot: number): PeerStreams {
    let peer = this.peers.get(slot)
    if (!peer) {
      peer = { outbox: new Outbox<Frame>(), received: 0, receivedCheck: 0, epoch: null }
      this.peers.set(slot, peer)
    }
    return peer
  }

  /** The session is one of the room's members here. */
  memberOf(name: string, session: Session): void {
    let room = this.rooms.get(name)
    if (!room) {
      room = { members: new Set(), watchers: null }
      this.rooms.set(name, room)
    }
    room.members.add(session)
    if (session.rooms?.get(name)?.watches) {
      room.watchers ??= new Set()
      room.watchers.add(session)
    } else room.watchers?.delete(session)
  }

  touch(session: Session): void {
    if (session.dirty) return
    session.dirty = true
    this.dirty.push(session)
  }
}
