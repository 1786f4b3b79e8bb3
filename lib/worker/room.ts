/**
 * Rooms as a worker takes part in them: what its sessions ask of a room's home, and what homes send to its members.
 */
import type { Bus } from '../bus/bus.ts'
import type { Item } from '../bus/items.ts'
import { LimpetError } from '../wire/codes.ts'
import { Frame } from '../wire/frames.ts'
import type { SessionData } from './api.ts'
import { type Entry, Homes, isSame } from './homes.ts'
import type { Deferred, Session } from './session.ts'
import type { Sessions } from './sessions.ts'

const ROOM_NAME_BYTES = 256

/** 1 to 256 bytes of UTF-8 without control characters, well-formed. */
export function isRoomName(name: unknown): name is string {
  if (typeof name !== 'string' || name.length === 0 || name.length > ROOM_NAME_BYTES) return false
  return !/\p{Control}|\p{Surrogate}/u.test(name) && Buffer.byteLength(name) <= ROOM_NAME_BYTES
}

export interface RoomLimits {
  readonly roomsPerSession: number
  /** Unreceived bytes on the stream to one other worker. Half is for what sessions here ask of rooms there. */
  readonly busBytes: number
  /** Of a session's data, what others may see. */
  readonly publicBytes: number
}

export class Rooms {
  readonly #sessions: Sessions
  readonly #limits: RoomLimits
  readonly #homeOf: (room: string) => number
  readonly #homes: Homes
  /** The fields of a session's data that others may see. */
  publicFields: readonly string[] = []

  constructor(
    sessions: Sessions,
    limits: RoomLimits,
    homeOf: (room: string) => number,
    bus: Pick<Bus, 'cut'>,
  ) {
    this.#sessions = sessions
    this.#limits = limits
    this.#homeOf = homeOf
    this.#homes = new Homes(sessions, limits.busBytes, bus)
    sessions.leaveRooms = (session) => {
      for (const room of [...(session.rooms?.keys() ?? [])]) this.#leave(session, room)
    }
  }

  join(session: Session, room: string, watches = false): Promise<void> {
    if (!isRoomName(room)) return Promise.reject(new LimpetError('room_invalid'))
    if (session.closed) return Promise.reject(new LimpetError('session_closed'))
    const membership = session.rooms?.get(room)
    if (!membership && (session.rooms?.size ?? 0) >= this.#limits.roomsPerSession)
      return Promise.reject(new LimpetError('room_limit'))
    try {
      const data = this.#publicOf(session.data)
      if (membership && membership.standing !== 'left') {
        if (membership.watches !== watches) this.#renew(session, this.#reach(room), { room, data, watches })
        return membership.standing === 'member' ? Promise.resolve() : awaited(session, room)
      }
      return this.#join(session, { room, session: session.id, data, watches })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #join(session: Session, entry: Entry): Promise<void> {
    const { room } = entry
    const home = this.#reach(room)
    const promise = awaited(session, room)
    this.#sessions.turn.record({ type: 'joining', home, ...entry })
    if (home === this.#sessions.state.slot) this.#taken(home, entry)
    return promise
  }

  /** Ends the membership at once; a join that is still pending no longer counts. */
  leave(session: Session, room: string): Promise<void> {
    if (!isRoomName(room)) return Promise.reject(new LimpetError('room_invalid'))
    if (session.closed) return Promise.resolve()
    this.#settleJoin(session, room, new LimpetError('join_cancelled'))
    this.#leave(session, room)
    return Promise.resolve()
  }

  #leave(session: Session, room: string): void {
    const home = this.#homeOf(room)
    this.#sessions.turn.record({ type: 'left', session: session.id, room, home })
    if (home === this.#sessions.state.slot) this.#homes.leave(room, session.id)
  }

  /**
   * Changes a session's data, and with it what others see of it in its rooms.
   * Throws LimpetError, and then changes nothing: `payload_too_large`, `room_unavailable`.
   */
  update(session: Session, patch: SessionData): void {
    const data = this.#publicOf({ ...session.data, ...patch })
    const isNews = !isSame(data, this.#shownOf(session.data))
    const rooms = [...(session.rooms ?? [])].filter(([, { standing }]) => isNews && standing !== 'left')
    const homes = rooms.map(([room]) => this.#reach(room))
    this.#sessions.turn.record({ type: 'updated', session: session.id, patch })
    for (const [i, [room, { watches }]] of rooms.entries())
      this.#renew(session, homes[i]!, { room, data, watches })
  }

  #renew(session: Session, home: number, what: Omit<Entry, 'session'>): void {
    const entry = { ...what, session: session.id }
    this.#sessions.turn.record({ type: 'renewing', home, ...entry })
    if (home === this.#sessions.state.slot) this.#homes.renew(entry)
  }

  /** Throws LimpetError `payload_too_large`. */
  #publicOf(data: Readonly<SessionData>): SessionData {
    const shown = this.#shownOf(data)
    const { publicBytes } = this.#limits
    if (Buffer.byteLength(JSON.stringify(shown)) <= publicBytes) return shown
    throw new LimpetError('payload_too_large', `the public fields have more than ${publicBytes} bytes`)
  }

  #shownOf(data: Readonly<SessionData>): SessionData {
    const fields = this.publicFields.filter((field) => Object.hasOwn(data, field))
    return Object.freeze(Object.fromEntries(fields.map((field) => [field, data[field]])))
  }

  /**
   * Goes to the room's home, and from there in the room's order to the members.
   * Throws LimpetError `room_unavailable` when too much waits for the home's worker.
   */
  publish(room: string, frame: Frame, except: readonly string[], volatile: boolean): void {
    const home = this.#reach(room)
    if (home === this.#sessions.state.slot) return this.#atHome(room, frame, except, volatile)
    this.#sessions.turn.record({ type: 'published', room, home, data: frame.data, except, volatile })
  }

  /** The room's home. Throws LimpetError `room_unavailable` when too much waits for its worker. */
  #reach(room: string): number {
    const home = this.#homeOf(room)
    const { state } = this.#sessions
    if (home !== state.slot && state.outbox(home).bytes > this.#limits.busBytes / 2)
      throw new LimpetError('room_unavailable')
    return home
  }

  #atHome(room: string, frame: Frame, except: readonly string[], volatile: boolean): void {
    if (!volatile) return this.#homes.order(room, frame, except)
    this.#homes.pass(room, frame, except)
    this.#passHere(room, frame, except)
  }

  /** A join has come to its home, here. */
  #taken(from: number, entry: Entry): void {
    const number = this.#homes.join(from, entry)
    if (from === this.#sessions.state.slot) this.#joined(entry.session, entry.room, number)
    // Behind its answer: who joins is told of it too.
    this.#homes.announce('joined', entry)
  }

  #passHere(name: string, frame: Frame, except: readonly string[]): void {
    for (const session of this.#sessions.state.rooms.get(name)?.members ?? []) {
      if (!except.includes(session.id)) this.#sessions.sendVolatile(session, frame)
    }
  }

  /** An item of another worker's stream. */
  item(from: number, number: number, item: Item, check: number): void {
    const { turn } = this.#sessions
    turn.record({ type: 'itemTaken', from, number, check })
    switch (item.kind) {
      case 'publish':
        return this.#atHome(item.room, new Frame(item.frame), item.except, item.volatile)
      case 'join':
        return this.#taken(from, item)
      case 'renew':
        return this.#homes.renew(item)
      case 'leave':
        return this.#homes.leave(item.room, item.session)
      case 'joined':
        return this.#joined(item.session, item.room, item.number)
      case 'cut':
        return this.#cutOff(from)
      case 'notice':
        return turn.record({ type: 'noticed', room: item.room, frame: new Frame(item.frame) })
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

  /**
   * This worker was too slow for the homes there: they have dropped its members, who missed messages. A join that is
   * still unanswered here they have yet to take, so it stands.
   */
  #cutOff(home: number): void {
    for (const [name, { members }] of [...this.#sessions.state.rooms]) {
      if (this.#homeOf(name) !== home) continue
      for (const session of [...members])
        this.#sessions.end(session, 'room_lost', 'its worker was too slow for one of its rooms', 'gone')
    }
  }

  /** A peer came back without its memory: the rooms it was home of are lost, and their members are told. */
  peerReset(slot: number): void {
    const { turn, state } = this.#sessions
    this.#homes.drop({ type: 'peerReset', slot })
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

/** Resolves with the home's answer; a journal does not bring back who waited for it. */
function awaited(session: Session, room: string): Promise<void> {
  session.joins ??= new Map()
  const join = session.joins.get(room) ?? deferred()
  session.joins.set(room, join)
  return join.promise
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
