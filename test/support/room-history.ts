/**
 * What members of rooms got and saw, and what must not have happened. It keeps its own idea of who is a member: a
 * session is one from the answer to its last join, and until it leaves; answers to joins before a leave mean nothing.
 *
 * A member gets every message from its join to its leave, each once and in the home's order, and whoever reads the
 * session sees just that. A home that is lost is told as the end of the session.
 */
import { entry, RoomOrder } from './room-order.ts'

/** Who joined, left, or changed what others see of it. */
export interface Notice {
  readonly what: 'joined' | 'updated' | 'left'
  readonly session: string
}

/** A session in a room, as its worker may know it. */
class Membership {
  readonly session: string
  readonly room: string
  /** Joins sent to the home, and how many of them it answered. */
  joins = 0
  answers = 0
  left = false
  ended = false
  watches = false
  /** The life of the home that took the join which counts. */
  home = ''
  /** The message it must get next; 0 while it is no member. */
  next = 0
  /** What it has got, over all its stays. */
  readonly due: string[] = []
  /** Whether those of whom it was told are there; of this stay. */
  readonly present = new Map<string, boolean>()

  constructor(session: string, room: string) {
    this.session = session
    this.room = room
  }
}

export interface Living {
  readonly session: string
  /** Who reads it, and is connected. */
  readonly reader: string | null
  /** Rooms in which its worker has it. */
  readonly rooms: readonly string[]
}

export class RoomHistory {
  readonly order = new RoomOrder()
  /** Answers to joins that a leave had made void. */
  overtaken = 0
  readonly #findings: string[] = []
  /** By session and room. */
  readonly #memberships = new Map<string, Map<string, Membership>>()
  /** By worker and room. */
  readonly #local = new Map<string, Set<Membership>>()
  /** How much a reader saw, of one session and room. */
  readonly #seen = new Map<string, number>()

  get findings(): string[] {
    return [...this.order.findings, ...this.#findings]
  }

  // — at the member's worker —

  joining(worker: string, session: string, room: string, watches: boolean): void {
    const rooms = entry(this.#memberships, session, () => new Map())
    const membership = entry(rooms, room, () => new Membership(session, room))
    membership.joins += 1
    membership.left = false
    membership.watches = watches
    entry(this.#local, `${worker}/${room}`, () => new Set()).add(membership)
  }

  /** The application was told that the session is in. */
  joinSettled(session: string, room: string): void {
    if ((this.#of(session, room)?.answers ?? 0) < 1)
      this.#findings.push(`${session} was told that it is in ${room}, and is not`)
  }

  renewing(session: string, room: string, watches: boolean): void {
    const membership = this.#of(session, room)
    if (!membership || membership.left) return
    // What it is told from now on has nothing to do with what it was told before.
    if (membership.watches !== watches) membership.present.clear()
    membership.watches = watches
  }

  left(session: string, room: string): void {
    const membership = this.#of(session, room)
    if (!membership) return
    membership.left = true
    membership.next = 0
  }

  /** @param number the first message it gets, by the home's answer */
  joined(session: string, room: string, number: number): void {
    const membership = this.#of(session, room)
    if (!membership) return this.#find(`${session} is in ${room} and never joined`)
    if (membership.ended) return
    membership.answers += 1
    if (membership.answers > membership.joins) this.#find(`${session} has more answers than joins of ${room}`)
    if (membership.left || membership.answers < membership.joins) {
      this.overtaken += 1
      return
    }
    const taken = this.order.takerOf(session, room)
    if (taken?.number !== number)
      this.#find(`${session} joined ${room} at ${taken?.number}, not at ${number}`)
    if (membership.next > 0) this.#find(`${session} is in ${room} and joined it again`)
    membership.home = taken?.home ?? ''
    membership.next = number
    membership.present.clear()
  }

  /** The home that owed answers is lost: none will come. */
  unanswered(session: string, room: string): void {
    const membership = this.#of(session, room)
    if (membership) membership.answers = membership.joins
  }

  ended(worker: string, session: string): void {
    for (const membership of this.#memberships.get(session)?.values() ?? []) {
      membership.ended = true
      membership.next = 0
      this.#local.get(`${worker}/${membership.room}`)?.delete(membership)
    }
  }

  /** A worker takes a room's message for its members. */
  delivered(worker: string, room: string, number: number, id: string): void {
    const placed = this.order.numberOf(id)
    if (placed !== number) this.#find(`${id} came to ${worker} as ${number}, it is ${placed}`)
    for (const membership of this.#local.get(`${worker}/${room}`) ?? []) {
      const { session, next, due } = membership
      if (next === 0) continue
      if (next !== number) this.#find(`${session} in ${room}: ${number} came, ${next} is next`)
      membership.next = number + 1
      if (this.order.isFor(id, session)) due.push(id)
    }
  }

  /** A worker tells those of its members that watch. */
  noticed(worker: string, room: string, notice: Notice): void {
    for (const { next, watches, due, present } of this.#local.get(`${worker}/${room}`) ?? []) {
      if (next === 0 || !watches) continue
      due.push(nameOf(notice))
      if (notice.what !== 'updated') present.set(notice.session, notice.what === 'joined')
    }
  }

  // — at the reader —

  /** @param what a message's id, or a notice */
  seen(reader: string, session: string, room: string, what: string | Notice): void {
    const id = typeof what === 'string' ? what : nameOf(what)
    const key = `${reader}/${session}/${room}`
    const count = this.#seen.get(key) ?? 0
    this.#seen.set(key, count + 1)
    const due = this.#of(session, room)?.due[count]
    if (due !== id) this.#find(`${reader} saw ${id} in ${room}, ${due ?? 'nothing'} was due`)
  }

  // — when nothing moves any more —

  /**
   * @param living sessions that have not ended
   * @param homeOf the life of a room's home that is there now
   * @param hasMember what that says of a session
   */
  settle(
    living: readonly Living[],
    homeOf: (room: string) => string,
    hasMember: (room: string, session: string) => boolean,
  ): string[] {
    const findings = [...this.findings, ...this.order.lost()]
    for (const { session, reader, rooms } of living) {
      for (const membership of this.#memberships.get(session)?.values() ?? []) {
        const { room, next, present } = membership
        findings.push(...this.#shortOf(membership, homeOf(room)), ...this.#unseen(membership, reader))
        if (rooms.includes(room) !== next > 0) findings.push(`${session} and its worker disagree on ${room}`)
        if (next === 0) continue
        for (const [other, isThere] of present)
          if (hasMember(room, other) !== isThere)
            findings.push(`${session} was told wrong of ${other} in ${room}`)
      }
    }
    return findings
  }

  #shortOf({ session, room, joins, answers, next, home }: Membership, present: string): string[] {
    const findings: string[] = []
    if (answers < joins) findings.push(`${session}: ${joins - answers} joins of ${room} were not answered`)
    if (next === 0) return findings
    const last = this.order.lastOf(home, room)
    if (home !== present) findings.push(`${session} was not told that the home of ${room} was lost`)
    else if (next !== last + 1) findings.push(`${session} has got ${next - 1} of ${last} in ${room}`)
    return findings
  }

  #unseen({ session, room, due }: Membership, reader: string | null): string[] {
    const seen = this.#seen.get(`${reader}/${session}/${room}`) ?? 0
    if (reader === null || seen === due.length) return []
    return [`${reader} saw ${seen} of ${due.length} in ${room} as ${session}`]
  }

  #of(session: string, room: string): Membership | undefined {
    return this.#memberships.get(session)?.get(room)
  }

  #find(finding: string): void {
    this.#findings.push(finding)
  }
}

function nameOf({ what, session }: Notice): string {
  return `${session} ${what}`
}
