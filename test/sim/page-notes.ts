/** What a page's application sent and was told, as the histories take it. */
import type { Delivery, Discontinuity } from '../../lib/client/effects.ts'
import type { AnswerResult } from '../../lib/wire/frames.ts'
import type { Fate, History } from '../support/history.ts'
import type { Notice, RoomHistory } from '../support/room-history.ts'
import { type Content, textOf } from './content.ts'

/** What notes need of the world. */
export interface NotesWorld {
  readonly history: History
  readonly rooms: RoomHistory
  readonly app: {
    /** What was sent in each session so far, whoever has it. */
    readonly told: ReadonlyMap<string, readonly { readonly id: string; readonly content: string }[]>
    /** Volatile messages that were sent. */
    readonly volatiles: ReadonlySet<string>
  }
  /** Another page had its key, too. */
  isCopied(page: string): boolean
  count(what: string): void
  find(finding: string): void
}

interface Sent {
  readonly id: string
  readonly stream: string
  readonly asked: boolean
}

export class PageNotes {
  readonly #page: string
  readonly #world: NotesWorld
  /** Of this session, by number. */
  #sent = new Map<number, Sent>()
  readonly #volatiles = new Set<string>()

  constructor(page: string, world: NotesWorld) {
    this.#page = page
    this.#world = world
  }

  sent(number: number, word: string, id: string, content: Content, asked: boolean): void {
    const stream = streamOf(this.#page, word)
    this.#world.history.sent(stream, id, textOf(content), asked)
    this.#sent.set(number, { id, stream, asked })
  }

  settled(number: number, result: AnswerResult): void {
    const sent = this.#sent.get(number)
    if (!sent?.asked) return this.#world.find(`${this.#page}: settled ${number}, which nobody asked`)
    const { id, stream } = sent
    if (result.ok && result.value !== id)
      this.#world.find(`${this.#page}: ${id} answered with ${String(result.value)}`)
    this.#sent.delete(number)
    this.#world.history.settled(stream, id, fateOf(result))
  }

  connected(session: string): void {
    const { app, history } = this.#world
    const stream = `→${this.#page}`
    history.session(stream, session)
    for (const { id, content } of app.told.get(session) ?? [])
      history.sent(stream, id, content, false, session)
  }

  resumed(session: string): void {
    this.#world.history.session(`→${this.#page}`, session)
  }

  delivered(session: string, { number, name, args }: Delivery): void {
    const { history, rooms } = this.#world
    if (isNotice(name)) {
      const [room, member] = args as [string, { id: string }]
      return rooms.seen(this.#page, session, room, { what: name, session: member.id })
    }
    const [id, content, room] = args as [string, Content, string | undefined]
    if (number === 0) this.#volatile(id)
    else if (room === undefined) history.received(`→${this.#page}`, id, textOf(content))
    else rooms.seen(this.#page, session, room, id)
  }

  #volatile(id: string): void {
    if (!this.#world.app.volatiles.has(id)) this.#world.find(`${this.#page} got ${id}, which nobody sent`)
    if (this.#volatiles.has(id)) this.#world.find(`${this.#page} got the volatile ${id} twice`)
    this.#volatiles.add(id)
    this.#world.count('volatile messages received')
  }

  lost({ code, handled, pending }: Discontinuity): void {
    const { history } = this.#world
    this.#world.count(`discontinuity: ${code}`)
    const fates = new Map<number, Fate>(pending.map(({ number, fate }) => [number, fate]))
    for (const [number, { id, stream }] of this.#sent) {
      const fate = number <= handled ? 'delivered' : fates.get(number)
      if (fate) history.told(stream, id, fate)
      else this.#world.find(`${this.#page} was told nothing of ${id}`)
    }
    this.#sent = new Map()
    // Two pages with one key may well disagree with the server.
    this.#told(this.#world.isCopied(this.#page) ? '' : code)
  }

  closed(): void {
    this.#told()
    this.#world.history.closed(`→${this.#page}`)
  }

  /** Its process ended: who asked is no more. */
  died(): void {
    for (const { id, stream, asked } of this.#sent.values())
      if (asked) this.#world.history.settled(stream, id, 'unknown')
    this.#told()
  }

  #told(code = ''): void {
    const { history } = this.#world
    history.discontinuity(`→${this.#page}`, code)
    for (const stream of [`${this.#page}→`, `${this.#page}→ beside`]) history.discontinuity(stream)
  }
}

function fateOf(result: AnswerResult): Fate {
  if (result.ok) return 'delivered'
  return result.code === 'not_delivered' ? 'not_delivered' : 'unknown'
}

function isNotice(name: string): name is Notice['what'] {
  return name === 'joined' || name === 'updated' || name === 'left'
}

/** Messages whose handlers run beside others have no order to keep. */
export function streamOf(page: string, word: string): string {
  return word === 'beside' || word === 'aside' ? `${page}→ beside` : `${page}→`
}
