/** A client that joins and leaves rooms at random, against apps/rooms.js, and tells a history what it sees. */
import { type Client, type ClientOptions, connect } from '../../lib/client/index.ts'
import type { RoomViews } from '../support/room-views.ts'
import type { Random } from '../support/seed.ts'

/** Rooms that one member is in at most. */
const ROOMS_MAX = 3

/** Of all members together. */
export interface Figures {
  joins: number
  /** Joins that a leave overtook. */
  cancelled: number
  leaves: number
  ends: number
  resumes: number
  /** What must not happen, in words. */
  readonly wrong: string[]
}

export class RoomMember {
  readonly name: string
  readonly client: Client
  readonly #history: RoomViews
  readonly #figures: Figures
  readonly #rooms = new Set<string>()
  /** Rooms it leaves when it has seen its last word there, by that word. */
  readonly #lastWords = new Map<string, string>()
  /** Acknowledgements of joins and leaves still to come. */
  #due = 0
  #said = 0
  #ending = false

  constructor(url: string, name: string, options: ClientOptions, history: RoomViews, figures: Figures) {
    this.name = name
    this.#history = history
    this.#figures = figures
    this.client = connect(url, options)
    this.#listen()
  }

  /** Nothing it asked for is unanswered. */
  get quiet(): boolean {
    return this.#due === 0 && this.#lastWords.size === 0 && !this.#ending
  }

  /** Enters a room, or leaves one, now and then faster than the server can answer. */
  act(rooms: readonly string[], random: Random): void {
    const room = random.pick(rooms)
    if (this.#ending || this.client.state === 'closed' || this.#lastWords.has(room)) return
    if (!this.#rooms.has(room)) {
      if (this.#rooms.size >= ROOMS_MAX) return this.#depart(random.pick([...this.#rooms]), random)
      this.#enter(room)
      if (!random.chance(0.2)) return
      this.#leave(room)
      if (random.chance(0.5)) this.#enter(room)
    } else this.#depart(room, random)
  }

  /** The session ends, and with it all its memberships. */
  end(): void {
    if (this.#ending || this.client.state === 'closed') return
    this.#ending = true
    this.client.emit('bye')
  }

  #enter(room: string): void {
    const mark = this.#publishes(room)
    this.#history.entering(room, this.name, mark)
    this.#rooms.add(room)
    this.#due += 1
    this.client.emit('enter', room, mark)
  }

  #depart(room: string, random: Random): void {
    if (this.#lastWords.has(room)) return
    if (random.chance(0.5)) return this.#leave(room)
    const word = this.#publishes(room)
    this.#lastWords.set(room, word)
    this.client.emit('say', room, word)
  }

  #leave(room: string): void {
    this.#rooms.delete(room)
    this.#due += 1
    this.client.emit('leave', room)
  }

  #publishes(room: string): string {
    this.#said += 1
    const id = `${this.name}/${this.#said}`
    this.#history.published(room, this.name, id)
    return id
  }

  #listen(): void {
    const { client, name } = this
    const figures = this.#figures
    const history = this.#history
    client.on('said', (of: unknown, word: unknown) => {
      const room = String(of)
      const id = String(word)
      history.received(room, name, id)
      if (this.#lastWords.get(room) !== id) return
      this.#lastWords.delete(room)
      this.#leave(room)
    })
    client.on('entered', () => {
      this.#due -= 1
      figures.joins += 1
    })
    client.on('refused', (room: unknown, code: unknown) => {
      this.#due -= 1
      figures.cancelled += 1
      if (code !== 'join_cancelled') figures.wrong.push(`${name}: the join of ${room} failed with ${code}`)
    })
    client.on('left', (room: unknown) => {
      this.#due -= 1
      figures.leaves += 1
      history.left(String(room), name)
    })
    client.on('resume', () => {
      figures.resumes += 1
    })
    let suspendedAt = 0
    client.on('suspend', () => {
      suspendedAt = performance.now()
    })
    client.on('discontinuity', ({ code }) => {
      const ms = Math.round(performance.now() - suspendedAt)
      figures.wrong.push(`${name}: discontinuity ${code}, ${ms} ms after its last suspend`)
    })
    client.on('close', ({ code }) => this.#closed(code))
  }

  #closed(code: string): void {
    if (code === 'bye') this.#figures.ends += 1
    else if (code !== 'closed_by_client') this.#figures.wrong.push(`${this.name}: closed, ${code}`)
    this.#ending = false
    this.#due = 0
    this.#lastWords.clear()
    this.#history.leftAll(this.name)
  }
}
