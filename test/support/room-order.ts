/**
 * What was published to rooms and which place it got: each publish one place, those of one worker in the order in which
 * it published. What a process took with it may have none. A worker is named by slot and life (`2.1`): a restarted one
 * is another, and its rooms begin again.
 */

export interface Publish {
  readonly room: string
  readonly worker: string
  readonly homeSlot: number
  /** A session that joined before and did not leave, so that its join is taken first. */
  readonly reader: string | null
  readonly except: readonly string[]
}

interface Place {
  readonly home: string
  readonly number: number
}

export class RoomOrder {
  readonly findings: string[] = []
  readonly #published = new Map<string, Publish & { readonly ordinal: number }>()
  readonly #places = new Map<string, Place>()
  /** Messages of each room at each life of its home. */
  readonly #sequences = new Map<string, string[]>()
  /** Ordinal of the last publish of a worker that has a place in a room. */
  readonly #last = new Map<string, number>()
  #publishes = 0
  /** Deaths of each slot, and how many of them each worker has found out. */
  readonly #deaths = new Map<number, number>()
  readonly #resets = new Map<string, number>()
  /** Publishes up to this one went down with a process: by worker, and by worker and the home's slot. */
  readonly #excused = new Map<string, number>()
  /** How often a home cut a slot off. */
  readonly #cuts = new Map<string, number>()
  /** Who took a session's last join of a room. */
  readonly #taken = new Map<string, Place & { readonly cuts: number }>()

  /** Messages with a place: a check of nothing finds nothing. */
  get size(): number {
    return this.#places.size
  }

  published(id: string, publish: Publish): void {
    this.#publishes += 1
    this.#published.set(id, { ...publish, ordinal: this.#publishes })
  }

  /** Nobody took it. */
  withdrawn(id: string): void {
    this.#published.delete(id)
  }

  /** @param members of the room at this moment */
  placed(
    home: string,
    room: string,
    number: number,
    id: string,
    members: ReadonlyMap<string, unknown>,
  ): void {
    const publish = this.#published.get(id)
    if (publish?.room !== room) return this.#find(`${room} got ${id}, which nobody published there`)
    if (this.#places.has(id)) return this.#find(`${id} has two places in ${room}`)
    this.#places.set(id, { home, number })
    const sequence = entry(this.#sequences, `${home}/${room}`, () => [])
    if (sequence.push(id) !== number)
      this.#find(`${id} is number ${number} of ${room}, and the ${sequence.length}th`)
    const { worker, ordinal, reader } = publish
    const key = `${worker}/${home}/${room}`
    if (ordinal < (this.#last.get(key) ?? 0)) this.#find(`${id} is ordered behind a later one of its worker`)
    this.#last.set(key, ordinal)
    if (reader !== null && !members.has(reader) && !this.#wasDropped(home, room, worker, reader))
      this.#find(`${reader} joined ${room} before it published ${id}, and the home does not know`)
  }

  /** By the home, which did not tell it yet. */
  #wasDropped(home: string, room: string, worker: string, session: string): boolean {
    const taken = this.#taken.get(`${session}/${room}`)
    return taken?.home === home && taken.cuts < this.#cutsOf(home, Number(worker.split('.')[0]))
  }

  /** @param number the first message the session gets */
  joinTaken(home: string, room: string, session: string, slot: number, number: number): void {
    this.#taken.set(`${session}/${room}`, { home, number, cuts: this.#cutsOf(home, slot) })
  }

  /** A home dropped the members on a worker that was too slow for it. */
  cutOff(home: string, slot: number): void {
    this.#cuts.set(`${home}/${slot}`, this.#cutsOf(home, slot) + 1)
  }

  #cutsOf(home: string, slot: number): number {
    return this.#cuts.get(`${home}/${slot}`) ?? 0
  }

  died(slot: number, worker: string): void {
    this.#deaths.set(slot, (this.#deaths.get(slot) ?? 0) + 1)
    this.#excused.set(worker, this.#publishes)
  }

  /** A worker begins its streams with another again: that one lost its memory. */
  reset(worker: string, slot: number): void {
    const key = `${worker}/${slot}`
    const resets = (this.#resets.get(key) ?? 0) + 1
    this.#resets.set(key, resets)
    this.#excused.set(key, this.#publishes)
    if (resets > (this.#deaths.get(slot) ?? 0)) this.#find(`${worker} forgot its streams with ${slot}`)
  }

  takerOf(session: string, room: string): Place | null {
    return this.#taken.get(`${session}/${room}`) ?? null
  }

  numberOf(id: string): number | null {
    return this.#places.get(id)?.number ?? null
  }

  isFor(id: string, session: string): boolean {
    return !this.#published.get(id)?.except.includes(session)
  }

  /** Of the last message of a room in a life of its home. */
  lastOf(home: string, room: string): number {
    return this.#sequences.get(`${home}/${room}`)?.length ?? 0
  }

  /** When nothing moves any more. */
  lost(): string[] {
    return [...this.#published]
      .filter(([id, publish]) => !this.#places.has(id) && !this.#isExcused(publish))
      .map(([id, { worker }]) => `${id} was published by ${worker} and has no place`)
  }

  /** Its worker died, or found that the home had. */
  #isExcused({ worker, homeSlot, ordinal }: Publish & { readonly ordinal: number }): boolean {
    return [worker, `${worker}/${homeSlot}`].some((key) => ordinal <= (this.#excused.get(key) ?? 0))
  }

  #find(finding: string): void {
    this.findings.push(finding)
  }
}

export function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
