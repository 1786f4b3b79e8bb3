/**
 * Rooms as their members see them, and what must not be seen: a view is a contiguous piece of the room's one sequence,
 * between the member's join and its leave. Pure: tests record, the checker judges.
 */

export type ViewFindingKind =
  /** Published, and not in the room's sequence. */
  | 'lost'
  /** In the sequence more than once. */
  | 'doubled'
  /** In the sequence, never published. */
  | 'phantom'
  /** Behind a message that its publisher sent later. */
  | 'reordered'
  /** A member saw it where the sequence has another one. */
  | 'other order'
  /** A member saw a message that had its place before the join was asked for. */
  | 'before join'
  /** A member did not see what it had to: its own message behind the join, and, where it stayed, the last one. */
  | 'missed'
  /** A member saw it while it was not in the room. */
  | 'after leave'

export interface ViewFinding {
  readonly kind: ViewFindingKind
  readonly room: string
  readonly message: string
  /** Who saw it, or published it. */
  readonly by: string
}

/** One time of one member in a room, from the asking to the leave. */
interface Stay {
  /** Length of the sequence when the join was asked for. */
  readonly from: number
  /** Index of the message that the member published right behind the join; null where it published none. */
  readonly mark: number | null
  readonly seen: number[]
}

interface Member {
  /** In order; the next one may be asked for while the leave of the former is under way. */
  readonly open: Stay[]
  readonly ended: Stay[]
  readonly outside: number[]
}

interface Room {
  /** By first mention; `publisher` null: nobody has published it. */
  readonly messages: { readonly id: string; readonly publisher: string | null }[]
  /** Long runs have millions of deliveries: all below are indices of `messages`. */
  readonly indices: Map<string, number>
  readonly sequence: number[]
  readonly members: Map<string, Member>
}

export class RoomViews {
  readonly #rooms = new Map<string, Room>()

  /** @param id unique in its room; ids of one publisher in the order it sent them */
  published(room: string, publisher: string, id: string): void {
    const { indices, messages } = this.#room(room)
    if (indices.has(id)) throw new Error(`${room}: ${id} is published twice by the test itself`)
    indices.set(id, messages.length)
    messages.push({ id, publisher })
  }

  /** The next message of the sequence, as a member has it that is in the room all the time. */
  ordered(room: string, id: string): void {
    const record = this.#room(room)
    record.sequence.push(indexOf(record, id))
  }

  /** The member asks to be in. @param mark the message it publishes behind that, if any: already `published` */
  entering(room: string, member: string, mark: string | null): void {
    const record = this.#room(room)
    const stay = {
      from: record.sequence.length,
      mark: mark === null ? null : indexOf(record, mark),
      seen: [],
    }
    memberOf(record, member).open.push(stay)
  }

  received(room: string, member: string, id: string): void {
    const record = this.#room(room)
    const { open, outside } = memberOf(record, member)
    ;(open[0]?.seen ?? outside).push(indexOf(record, id))
  }

  /** The leave is acknowledged: nothing of its oldest stay comes any more. */
  left(room: string, member: string): void {
    const { open, ended } = memberOf(this.#room(room), member)
    const stay = open.shift()
    if (!stay) throw new Error(`${member} leaves ${room} in the test and was never in`)
    ended.push(stay)
  }

  /** Its session is over. */
  leftAll(member: string): void {
    for (const [room, { members }] of this.#rooms)
      for (let n = members.get(member)?.open.length ?? 0; n > 0; n--) this.left(room, member)
  }

  /** Who is in, or has asked to be. */
  membersOf(room: string): string[] {
    return [...this.#room(room).members].flatMap(([name, { open }]) => (open.length > 0 ? [name] : []))
  }

  totals(): { published: number; ordered: number; deliveries: number; stays: number } {
    const totals = { published: 0, ordered: 0, deliveries: 0, stays: 0 }
    for (const { messages, sequence, members } of this.#rooms.values()) {
      totals.published += messages.length
      totals.ordered += sequence.length
      for (const { open, ended } of members.values()) {
        const stays = [...ended, ...open]
        totals.stays += stays.length
        totals.deliveries += stays.reduce((sum, { seen }) => sum + seen.length, 0)
      }
    }
    return totals
  }

  /** Nothing is on its way: all that was published has its place, and who is in has seen the last of it. */
  complete(): boolean {
    return [...this.#rooms.values()].every(
      ({ messages, sequence, members }) =>
        sequence.length >= messages.length &&
        [...members.values()].every(({ open }) => open.every(({ seen }) => seen.at(-1) === sequence.at(-1))),
    )
  }

  findings(): ViewFinding[] {
    return [...this.#rooms].flatMap(([name, room]) => {
      const places = new Map<number, number>()
      for (const [place, index] of room.sequence.entries()) if (!places.has(index)) places.set(index, place)
      return [
        ...sequenceWrong(name, room),
        ...[...room.members].flatMap(([by, member]) => viewsWrong(name, room, places, by, member)),
      ]
    })
  }

  #room(name: string): Room {
    let room = this.#rooms.get(name)
    if (!room) {
      room = { messages: [], indices: new Map(), sequence: [], members: new Map() }
      this.#rooms.set(name, room)
    }
    return room
  }
}

function indexOf({ indices, messages }: Room, id: string): number {
  let index = indices.get(id)
  if (index === undefined) {
    index = messages.length
    indices.set(id, index)
    messages.push({ id, publisher: null })
  }
  return index
}

function memberOf({ members }: Room, name: string): Member {
  let member = members.get(name)
  if (!member) {
    member = { open: [], ended: [], outside: [] }
    members.set(name, member)
  }
  return member
}

function sequenceWrong(room: string, { messages, sequence }: Room): ViewFinding[] {
  const findings: ViewFinding[] = []
  const find = (kind: ViewFindingKind, index: number): void => {
    const { id, publisher } = messages[index]!
    findings.push({ kind, room, message: id, by: publisher ?? 'nobody' })
  }
  const placed = new Set<number>()
  /** By publisher: of its messages the one sent last. */
  const latest = new Map<string, number>()
  for (const index of sequence) {
    const { publisher } = messages[index]!
    if (placed.has(index)) find('doubled', index)
    else if (publisher === null) find('phantom', index)
    else {
      const before = latest.get(publisher) ?? -1
      if (index < before) find('reordered', index)
      latest.set(publisher, Math.max(index, before))
    }
    placed.add(index)
  }
  for (const [index, { publisher }] of messages.entries()) {
    if (publisher !== null && !placed.has(index)) find('lost', index)
  }
  return findings
}

function viewsWrong(
  room: string,
  { messages, sequence }: Room,
  places: ReadonlyMap<number, number>,
  by: string,
  { open, ended, outside }: Member,
): ViewFinding[] {
  const findings: ViewFinding[] = []
  const find = (kind: ViewFindingKind, index: number): void => {
    findings.push({ kind, room, message: messages[index]!.id, by })
  }
  for (const index of outside) find('after leave', index)
  const last = sequence.at(-1)
  for (const stay of [...ended, ...open]) {
    const { seen, mark, from } = stay
    const stayed = open.includes(stay)
    const start = places.get(seen[0] ?? -1) ?? sequence.length
    const wrong = seen.findIndex((index, i) => sequence[start + i] !== index)
    if (wrong >= 0) find('other order', seen[wrong]!)
    if (start < from) find('before join', seen[0]!)
    // Whoever left at once may have seen nothing.
    if (mark !== null && (seen.length > 0 || stayed) && start > (places.get(mark) ?? start))
      find('missed', mark)
    if (stayed && last !== undefined && seen.at(-1) !== last) find('missed', last)
  }
  return findings
}
