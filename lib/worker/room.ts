/**
 * Rooms as a worker takes part in them: what its sessions ask of a room's home, and what homes send to its members.
 */
import type { Item } from '../bus/items.ts'
import { LimpetError } from '../wire/codes.ts'
import { Frame } from '../wire/frames.ts'
import type { SessionData } from './api.ts'
import type { Deferred, Session } from './session.ts'
import type { Sessions } from './sessions.ts'

const ROOM_NAME_BYTES = 256
const encoder = new TextEncoder()

/** 1 to 256 bytes of UTF-8 without control characters, well-formed. */
export function isRoomName(name: unknown): name is string {
  if (typeof name !== 'string' || name.length === 0 || name.length > ROOM_NAME_BYTES) return false
  return !/\p{Control}|\p{Surrogate}/u.test(name) && encoder.encode(name).length <= ROOM_NAME_BYTES
}

export interface RoomLimits {
  readonly roomsPerSession: number
  /** Unreceived bytes on the stream to one other worker. */
  readonly busBytes: number
}

export class Rooms {
  readonly #sessions: Sessions
  readonly #limits: RoomLimits
  readonly #homeOf: (room: string) => number

  constructor(sessions: Sessions, limits: RoomLimits, homeOf: (room: string) => number) {
    this.#sessions = sessions
    this.#limits = limits
    this.#homeOf = homeOf
  }

  join(session: Session, room: string): Promise<void> {
    if (!isRoomName(room)) return Promise.reject(new LimpetError('room_invalid'))
    if (session.closed) return Promise.reject(new LimpetError('session_closed'))
    const membership = session.rooms?.get(room)
    if (membership?.standing === 'member' && membership.data === session.data) return Promise.resolve()
    const pending = session.joins?.get(room)
    if (pending && membership?.standing !== 'left' && membership?.data === session.data)
      return pending.promise
    if (!membership && (session.rooms?.size ?? 0) >= this.#limits.roomsPerSession)
      return Promise.reject(new LimpetError('room_limit'))
    const home = this.#homeOf(room)
    if (!this.#reachable(home)) return Promise.reject(new LimpetError('room_unavailable'))
    const join = pending ?? deferred()
    session.joins ??= new Map()
    session.joins.set(room, join)
    const { turn, state } = this.#sessions
    turn.record({ type: 'joining', session: session.id, room, home })
    if (home === state.slot) {
      turn.record({ type: 'homeJoined', room, session: session.id, slot: home, data: session.data })
      this.#joined(session.id, room, state.homes.get(room)!.last + 1)
    }
    return join.promise
  }

  /** Ends the membership at once; a join that is still pending no longer counts. */
  leave(session: Session, room: string): Promise<void> {
    if (!isRoomName(room)) return Promise.reject(new LimpetError('room_invalid'))
    if (session.closed) return Promise.resolve()
    this.#settleJoin(session, room, new LimpetError('join_cancelled'))
    this.#sessions.turn.record({ type: 'left', session: session.id, room, home: this.#homeOf(room) })
    return Promise.resolve()
  }

  /**
   * Goes to the room's home, and from there in the room's order to the members.
   * Throws LimpetError `room_unavailable` when too much waits for the home's worker.
   */
  publish(room: string, frame: Frame, except: readonly string[], volatile: boolean): void {
    const home = this.#homeOf(room)
    if (home === this.#sessions.state.slot) return this.#atHome(room, frame, except, volatile)
    if (!this.#reachable(home)) throw new LimpetError('room_unavailable')
    this.#sessions.turn.record({ type: 'published', room, home, data: frame.data, except, volatile })
  }

  #reachable(home: number): boolean {
    const { state } = this.#sessions
    return home === state.slot || state.outbox(home).bytes <= this.#limits.busBytes
  }

  #atHome(room: string, frame: Frame, except: readonly string[], volatile: boolean): void {
    const { turn } = this.#sessions
    if (!volatile) return turn.record({ type: 'ordered', room, frame, except })
    turn.record({ type: 'passed', room, data: frame.data, except })
    this.#passHere(room, frame, except)
  }

  #passHere(name: string, frame: Frame, except: readonly string[]): void {
    for (const session of this.#sessions.state.rooms.get(name)?.members ?? []) {
      if (!except.includes(session.id)) this.#sessions.sendVolatile(session, frame)
    }
  }

  /** An item of another worker's stream. */
  item(from: number, number: number, item: Item): void {
    const { turn } = this.#sessions
    turn.record({ type: 'itemTaken', from, number })
    switch (item.kind) {
      case 'publish':
        return this.#atHome(item.room, new Frame(item.frame), item.except, item.volatile)
      case 'join':
        return turn.record({
          type: 'homeJoined',
          room: item.room,
          session: item.session,
          slot: from,
          data: item.data as SessionData,
        })
      case 'leave':
        return turn.record({ type: 'homeLeft', room: item.room, session: item.session })
      case 'joined':
        return this.#joined(item.session, item.room, item.number)
      case 'message':
        if (item.volatile) return this.#passHere(item.room, new Frame(item.frame), item.except)
        return turn.record({
          type: 'delivered',
          room: item.room,
          number: item.number,
          frame: new Frame(item.frame),
          except: item.except,
        })
    }
  }

  #joined(id: string, room: string, number: number): void {
    const { turn, state } = this.#sessions
    turn.record({ type: 'joined', session: id, room, number })
    const session = state.sessions.get(id)
    if (session?.rooms?.get(room)?.standing === 'member') this.#settleJoin(session, room, null)
  }

  #settleJoin(session: Session, room: string, error: LimpetError | null): void {
    const join = session.joins?.get(room)
    if (!join) return
    session.joins?.delete(room)
    if (error) join.reject(error)
    else join.resolve()
  }

  /** A peer came back without its memory: the rooms it was home of are lost, and their members are told. */
  peerReset(slot: number): void {
    const { turn, state } = this.#sessions
    turn.record({ type: 'peerReset', slot })
    for (const session of [...state.sessions.values()]) {
      const lost = [...(session.rooms ?? [])].filter(([room]) => this.#homeOf(room) === slot)
      for (const [room, { standing }] of lost) {
        if (standing === 'left') turn.record({ type: 'unanswered', session: session.id, room })
      }
      if (lost.some(([, { standing }]) => standing !== 'left'))
        this.#sessions.end(session, 'room_lost', 'the worker that ordered one of its rooms was lost', 'gone')
    }
  }
}

function deferred(): Deferred {
  let resolve!: () => void
  let reject!: (error: Error) => void
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  // Whoever does not await a join must not be killed by its rejection.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
