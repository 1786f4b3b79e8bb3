/** One room as this page knows it: what was said, what is unread, who is there. Pure. */
import type { Entered, Page, Said } from '../events.ts'
import { Members } from './members.ts'

/** More are not kept: the oldest go. */
const LINES_MAX = 500

export type Stage =
  /** Before the first answer. */
  | { readonly kind: 'entering' }
  | { readonly kind: 'in' }
  | { readonly kind: 'failed'; readonly reason: string }

/** What an answer changed: lines behind those known, or all of them. */
export type Renewal = { readonly kind: 'more'; readonly lines: Said[] } | { readonly kind: 'all' }

export function keyOf({ from, ref }: Pick<Said, 'from' | 'ref'>): string {
  return `${from}/${ref}`
}

export class Room {
  readonly name: string
  readonly members = new Members()
  stage: Stage = { kind: 'entering' }
  /** Half-written, while another room is shown. */
  draft = ''
  earlier: Page['earlier'] = 'none'
  /** For `older`. */
  before = 1
  /** Lines of others that nobody has seen here. */
  unread = 0
  /** The line before which `new` stands; null: nowhere. */
  mark: string | null = null
  #lines: Said[] = []
  #known = new Set<string>()
  /** Lines that come before the first answer has. */
  #early: Said[] | null = []
  #asked = 0

  constructor(name: string) {
    this.name = name
  }

  get lines(): readonly Said[] {
    return this.#lines
  }

  /** The last line, as a page that is loaded later may know it. */
  get lastKey(): string | null {
    const last = this.#lines.at(-1)
    return last ? keyOf(last) : null
  }

  /** An answer is awaited that may be older than what comes meanwhile. @returns names the question */
  asks(): number {
    this.#early ??= []
    this.#asked += 1
    return this.#asked
  }

  /** Whether no later question was asked. */
  isLatest(question: number): boolean {
    return question === this.#asked
  }

  /** Nobody answered; what came meanwhile stands. @returns it */
  answered(): Said[] {
    const early = this.#early ?? []
    this.#early = null
    return early.filter((said) => this.#add(said))
  }

  /**
   * @param read the last line that this person has read on an earlier page; null: none is unread
   * @param isOwn by session id
   */
  entered({ lines, before, earlier }: Entered, read: string | null, isOwn: (id: string) => boolean): Renewal {
    const isFirst = this.stage.kind !== 'in'
    this.stage = { kind: 'in' }
    const isJoined = this.#lines.length > 0 && lines.some((said) => this.#known.has(keyOf(said)))
    if (!isJoined) {
      this.#lines = []
      this.#known = new Set()
      this.before = before
      this.earlier = earlier
    }
    const added = [...lines.filter((said) => this.#add(said)), ...this.answered()]
    if (isJoined) return { kind: 'more', lines: added }
    if (isFirst && read !== null) this.#unreadSince(read, isOwn)
    return { kind: 'all' }
  }

  /**
   * @param isRead somebody looks at the end of this room
   * @returns whether it is to be shown now
   */
  said(said: Said, isRead: boolean): boolean {
    if (this.#early) {
      this.#early.push(said)
      return false
    }
    if (!this.#add(said)) return false
    if (!isRead) this.#leaveUnread(said)
    return true
  }

  /** An older page. @returns its lines, without those known */
  prepend({ lines, before, earlier }: Page): Said[] {
    const added = lines.filter((said) => !this.#known.has(keyOf(said)))
    this.#lines = [...added, ...this.#lines]
    for (const said of added) this.#known.add(keyOf(said))
    this.before = before
    this.earlier = earlier
    return added
  }

  /** All of it was seen; the mark stays where it is, so that the eye finds it. */
  read(): void {
    this.unread = 0
  }

  /** Another room is shown, or this person spoke: what is marked was seen. */
  unmark(): void {
    if (this.unread === 0) this.mark = null
  }

  #unreadSince(read: string, isOwn: (id: string) => boolean): void {
    const at = this.#lines.findIndex((said) => keyOf(said) === read)
    for (const said of this.#lines.slice(at + 1)) if (!isOwn(said.from)) this.#leaveUnread(said)
  }

  #leaveUnread(said: Said): void {
    if (this.unread === 0) this.mark = keyOf(said)
    this.unread += 1
  }

  /** @returns false where it is known: history and live lines overlap */
  #add(said: Said): boolean {
    const key = keyOf(said)
    if (this.#known.has(key)) return false
    this.#known.add(key)
    this.#lines.push(said)
    while (this.#lines.length > LINES_MAX) {
      const [oldest] = this.#lines.splice(0, 1)
      this.#known.delete(keyOf(oldest!))
      this.earlier = 'forgotten'
    }
    return true
  }
}
