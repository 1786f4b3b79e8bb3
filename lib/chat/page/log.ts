/** What was said in the room that is shown, in the room's order. */
import type { Said } from '../events.ts'
import type { FileViews } from './file-view.ts'
import { dayOf, isSameDay, isTogether, lineOf } from './line.ts'
import { button, make, part } from './parts.ts'
import { keyOf, type Room } from './room.ts'
import { counted } from './words.ts'

const NEAR_END_PX = 80
const ROWS_MAX = 1000
/** So many things that happened one after another stand in one line. */
const NOTICES_TOGETHER = 3

export interface LogEvents {
  /** The end is in sight. */
  reachedEnd(): void
  wantsOlder(): void
  isOwn(id: string): boolean
}

export class Log {
  readonly #scroll = part('scroll', HTMLElement)
  readonly #lines = part('lines', HTMLOListElement)
  readonly #top = part('top', HTMLElement)
  readonly #empty = part('empty', HTMLElement)
  readonly #fresh = part('fresh', HTMLButtonElement)
  readonly #files: FileViews
  readonly #events: LogEvents
  #room: Room
  #last: Said | null = null
  #notice: { readonly row: HTMLLIElement; count: number; last: string } | null = null
  /** The reader is at the end, and new lines keep it in sight; else they only say that they are there. */
  #follows = true

  constructor(room: Room, files: FileViews, events: LogEvents) {
    this.#room = room
    this.#files = files
    this.#events = events
    this.#fresh.addEventListener('click', () => {
      this.toEnd()
      // The button goes away under the finger that pressed it.
      this.#scroll.focus({ preventScroll: true })
    })
    this.#scroll.addEventListener('scroll', () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#scroll
      this.#follows = scrollHeight - scrollTop - clientHeight < NEAR_END_PX
      if (this.#follows) this.#reachedEnd()
      else this.showFresh()
    })
    // A phone's keyboard or a long draft takes room from below: the end stays in sight.
    new ResizeObserver(() => this.settle()).observe(this.#scroll)
  }

  get follows(): boolean {
    return this.#follows
  }

  /** All of a room. */
  show(room: Room): void {
    this.#room = room
    this.#draw()
    const mark = this.#lines.querySelector('.new')
    const startsUnread = mark !== null && room.unread > 0
    this.toEnd()
    // What is unread begins at the top, if it is more than a page of it.
    if (startsUnread) mark.scrollIntoView({ block: 'start' })
  }

  /** The room has older lines now: what is read stays where it is. */
  showOlder(): void {
    const fromEnd = this.#scroll.scrollHeight - this.#scroll.scrollTop
    this.#draw()
    this.#scroll.scrollTop = this.#scroll.scrollHeight - fromEnd
  }

  #draw(): void {
    this.#lines.replaceChildren()
    this.#last = null
    this.#notice = null
    for (const said of this.#room.lines) this.#add(said)
    this.#ends()
  }

  said(said: Said): void {
    this.#add(said)
    this.#ends()
    // Of a long day: the room itself has forgotten those lines.
    while (this.#lines.childElementCount > ROWS_MAX) this.#lines.firstElementChild?.remove()
    this.settle()
    this.showFresh()
  }

  /** Something that happened; not twice in a row. */
  happened(text: string): void {
    const notice = this.#notice
    if (notice?.last === text) return
    if (notice && notice.count < NOTICES_TOGETHER) {
      notice.row.append(' · ', text)
      notice.count += 1
      notice.last = text
    } else {
      const row = make('li', 'notice', text)
      row.dir = 'auto'
      this.#notice = { row, count: 1, last: text }
      this.#last = null
      this.#lines.append(row)
    }
    this.#ends()
    this.settle()
  }

  /** The mark went, or the stage of the room changed. */
  update(): void {
    if (this.#room.mark === null) this.#lines.querySelector('.new')?.remove()
    this.#ends()
    this.showFresh()
  }

  toEnd(): void {
    this.#follows = true
    this.#scroll.scrollTop = this.#scroll.scrollHeight
    this.#reachedEnd()
  }

  /** Keeps the end in sight, where it was. */
  settle(): void {
    if (this.#follows) this.#scroll.scrollTop = this.#scroll.scrollHeight
  }

  showFresh(): void {
    const { unread } = this.#room
    this.#fresh.hidden = this.#follows
    this.#fresh.textContent = unread > 0 ? `${counted(unread, 'new message')} ↓` : 'To the end ↓'
  }

  #reachedEnd(): void {
    this.#fresh.hidden = true
    this.#events.reachedEnd()
  }

  #add(said: Said): void {
    const key = keyOf(said)
    const row = lineOf(said, this.#events.isOwn(said.from), this.#files)
    row.dataset.key = key
    if (!this.#last && this.#notice === null && this.#lines.childElementCount === 0)
      this.#lines.append(dayOf(said.at))
    else if (this.#last && !isSameDay(this.#last.at, said.at)) this.#lines.append(dayOf(said.at))
    const isMarked = key === this.#room.mark
    if (isMarked) {
      this.#lines.querySelector('.new')?.remove()
      this.#lines.append(make('li', 'new', 'New'))
    }
    row.classList.toggle('more', !isMarked && isTogether(said, this.#last))
    this.#last = said
    this.#notice = null
    this.#lines.append(row)
  }

  /** What stands above the first line, or instead of it. */
  #ends(): void {
    const { stage, earlier, lines } = this.#room
    const isEmpty = lines.length === 0
    this.#empty.hidden = !isEmpty
    if (isEmpty) {
      const { title, text } = emptyWords(this.#room)
      part('empty-title', HTMLElement).textContent = title
      part('empty-text', HTMLElement).textContent = text
    }
    const kind = isEmpty || stage.kind !== 'in' ? '' : earlier
    if (this.#top.dataset.kind === kind) return
    this.#top.dataset.kind = kind
    if (kind === 'more')
      this.#top.replaceChildren(button('quiet', 'Earlier messages', () => this.#events.wantsOlder()))
    else this.#top.replaceChildren(make('p', '', TOP_WORDS[kind]))
  }
}

const TOP_WORDS = {
  '': '',
  none: 'The room begins here.',
  forgotten: 'What was said before is no longer kept.',
}

function emptyWords({ name, stage }: Room): { title: string; text: string } {
  switch (stage.kind) {
    case 'entering':
      return { title: `Entering ${name}…`, text: '' }
    case 'in':
      return {
        title: `Nothing has been said in ${name} yet`,
        text: 'Say the first word, or open this page in a second window and talk to yourself.',
      }
    case 'failed':
      return { title: `${name} cannot be entered`, text: stage.reason }
  }
}
