/** The rooms this person is in, and what of them outlives the page. Pure but for the storage it is handed. */
import { ROOM_MAX, ROOMS_MAX } from '../events.ts'
import { Room } from './room.ts'

const KEY = 'limpet-rooms'

export class Rooms {
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'> | null
  readonly #rooms = new Map<string, Room>()
  /** By room: the last line read on an earlier page. */
  readonly #read = new Map<string, string | null>()
  #current: Room

  /** @param current shown first */
  constructor(storage: Pick<Storage, 'getItem' | 'setItem'> | null, current: string) {
    this.#storage = storage
    for (const { name, read } of storedIn(storage?.getItem(KEY) ?? null)) {
      this.#rooms.set(name, new Room(name))
      this.#read.set(name, read)
    }
    this.#current = this.show(current)
  }

  get current(): Room {
    return this.#current
  }

  get(name: string): Room | undefined {
    return this.#rooms.get(name)
  }

  /** By name. */
  list(): Room[] {
    return [...this.#rooms.values()].sort((a, b) => a.name.localeCompare(b.name))
  }

  lastRead(name: string): string | null {
    return this.#read.get(name) ?? null
  }

  /** Lines unread in rooms that are not shown. */
  get unreadElsewhere(): number {
    return this.list().reduce((sum, room) => sum + (room === this.#current ? 0 : room.unread), 0)
  }

  show(name: string): Room {
    const room = this.#rooms.get(name) ?? new Room(name)
    this.#rooms.set(name, room)
    if (room !== this.#current) this.#current?.unmark()
    this.#current = room
    return room
  }

  /** Not of the room that is shown. */
  remove(name: string): void {
    if (name === this.#current.name) return
    this.#rooms.delete(name)
    this.#read.delete(name)
  }

  /** What the next page of this browser begins with. */
  save(): void {
    // One that could not be entered is not tried for ever.
    const kept = this.list().filter(({ stage }) => stage.kind !== 'failed')
    const rooms = kept.map((room) => ({ name: room.name, read: this.#readOf(room) }))
    this.#storage?.setItem(KEY, JSON.stringify(rooms))
  }

  #readOf(room: Room): string | null {
    if (room.unread === 0) return room.lastKey ?? this.lastRead(room.name)
    const at = room.lines.findIndex(({ from, ref }) => `${from}/${ref}` === room.mark)
    const last = room.lines[at - 1]
    return last ? `${last.from}/${last.ref}` : this.lastRead(room.name)
  }
}

/** Whatever stands there: another version of this page, or its user, may have written it. */
function storedIn(text: string | null): { name: string; read: string | null }[] {
  let value: unknown
  try {
    value = JSON.parse(text ?? '[]')
  } catch {
    return []
  }
  if (!Array.isArray(value)) return []
  return value.slice(0, ROOMS_MAX - 1).flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || !('name' in entry)) return []
    const { name } = entry
    const read = 'read' in entry && typeof entry.read === 'string' ? entry.read : null
    return typeof name === 'string' && name !== '' && name.length <= ROOM_MAX ? [{ name, read }] : []
  })
}
