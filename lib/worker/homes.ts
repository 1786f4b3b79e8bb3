/**
 * The homes of rooms on this worker, live: they give each message its place, keep who is a member, and tell the members
 * that watch who comes and goes.
 */
import type { Bus } from '../bus/bus.ts'
import { encodeEvent, Frame } from '../wire/frames.ts'
import type { SessionData } from './api.ts'
import type { RecordOf } from './record.ts'
import type { Sessions } from './sessions.ts'

/** Of a join, or of the renewal of one. */
export interface Entry {
  readonly room: string
  readonly session: string
  readonly data: SessionData
  readonly watches: boolean
}

export class Homes {
  readonly #sessions: Sessions
  /** Unreceived bytes on the stream to one other worker. */
  readonly #busBytes: number
  readonly #bus: Pick<Bus, 'cut'>

  constructor(sessions: Sessions, busBytes: number, bus: Pick<Bus, 'cut'>) {
    this.#sessions = sessions
    this.#busBytes = busBytes
    this.#bus = bus
  }

  /** A message gets its place. */
  order(room: string, frame: Frame, except: readonly string[]): void {
    const { turn, state } = this.#sessions
    this.#cutThoseBehind(state.homes.get(room)?.slots)
    this.#open(room)
    turn.record({ type: 'ordered', room, frame, except, at: this.#sessions.now() })
  }

  /** A volatile message passes to the workers that are not far behind. */
  pass(room: string, { data }: Frame, except: readonly string[]): void {
    const { turn, state } = this.#sessions
    const slots = [...(state.homes.get(room)?.slots.keys() ?? [])].filter(
      (slot) => slot !== state.slot && state.outbox(slot).bytes <= this.#busBytes / 2,
    )
    if (slots.length > 0) turn.record({ type: 'passed', room, data, except, slots })
  }

  /** @returns the number of the first message that the session gets */
  join(slot: number, entry: Entry): number {
    const { turn, state } = this.#sessions
    this.#makeRoomForNotice(entry.room)
    this.#open(entry.room)
    turn.record({ type: 'homeJoined', slot, ...fieldsOf(entry) })
    return state.homes.get(entry.room)!.last + 1
  }

  renew(entry: Entry): void {
    const { turn, state } = this.#sessions
    this.#makeRoomForNotice(entry.room)
    const before = state.homes.get(entry.room)?.members.get(entry.session)
    if (!before) return
    turn.record({ type: 'homeRenewed', ...fieldsOf(entry) })
    if (!isSame(before.data, entry.data)) this.announce('updated', entry)
  }

  leave(room: string, session: string): void {
    const { turn, state } = this.#sessions
    this.#makeRoomForNotice(room)
    const member = state.homes.get(room)?.members.get(session)
    if (!member) return
    turn.record({ type: 'homeLeft', room, session })
    this.announce('left', { room, session, data: member.data })
  }

  /** All members on a worker go at once. */
  drop(record: RecordOf<'peerCut' | 'peerReset'>): void {
    const { turn, state } = this.#sessions
    const gone: Pick<Entry, 'room' | 'session' | 'data'>[] = []
    for (const [room, { watching, members }] of state.homes) {
      if (watching.size === 0) continue
      for (const [session, { slot, data }] of members)
        if (slot === record.slot) gone.push({ room, session, data })
    }
    turn.record(record)
    for (const member of gone) this.announce('left', member)
  }

  /** To the members that watch, behind what the room was told so far. */
  announce(
    what: 'joined' | 'updated' | 'left',
    { room, session, data }: Pick<Entry, 'room' | 'session' | 'data'>,
  ): void {
    const { turn, state } = this.#sessions
    if (!state.homes.get(room)?.watching.size) return
    turn.record({ type: 'noticed', room, frame: new Frame(encodeEvent(what, [room, { id: session, data }])) })
  }

  /** Before the change that it tells of: a cut makes members leave, and the one in question may be among them. */
  #makeRoomForNotice(room: string): void {
    this.#cutThoseBehind(this.#sessions.state.homes.get(room)?.watching)
  }

  #open(room: string): void {
    const { turn, state } = this.#sessions
    if (!state.homes.has(room)) turn.record({ type: 'homeOpened', room, epoch: this.#sessions.newId() })
  }

  /** A worker that does not take what it is sent: it waits for itself, not in the memory of this one. */
  #cutThoseBehind(slots: ReadonlyMap<number, number> | undefined): void {
    const { state } = this.#sessions
    for (const slot of slots?.keys() ?? []) {
      if (slot === state.slot || state.outbox(slot).bytes <= this.#busBytes) continue
      this.drop({ type: 'peerCut', slot, after: this.#bus.cut(slot) })
    }
  }
}

/** An item has more than these. */
function fieldsOf({ room, session, data, watches }: Entry): Entry {
  return { room, session, data, watches }
}

export function isSame(a: SessionData, b: SessionData): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
