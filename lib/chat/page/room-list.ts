import { button, make, part } from './parts.ts'
import type { Rooms } from './rooms.ts'
import { counted } from './words.ts'

/** The rooms this person is in, with what is unread; also in the title of the page, and beside the button of the panel. */
export class RoomList {
  readonly #list = part('rooms', HTMLUListElement)
  readonly #badge = part('elsewhere', HTMLElement)
  readonly #leave: (name: string) => void

  constructor(leave: (name: string) => void) {
    this.#leave = leave
  }

  show(rooms: Rooms): void {
    const focused = document.activeElement?.closest('li')?.dataset.room
    this.#list.replaceChildren(
      ...rooms.list().map(({ name, unread }) => this.#row(name, unread, name === rooms.current.name)),
    )
    // The list is made anew under the fingers of whoever walks it by keyboard.
    if (focused !== undefined) this.#linkOf(focused)?.focus()
    const elsewhere = rooms.unreadElsewhere
    this.#badge.textContent = elsewhere > 0 ? short(elsewhere) : ''
    const unread = elsewhere + rooms.current.unread
    document.title = `${unread > 0 ? `(${short(unread)}) ` : ''}#${rooms.current.name} · limpet`
  }

  #linkOf(name: string): HTMLElement | null {
    const row = [...this.#list.children].find((row) => (row as HTMLElement).dataset.room === name)
    return row?.querySelector('a') ?? null
  }

  #row(name: string, unread: number, isCurrent: boolean): HTMLLIElement {
    const row = make('li', 'room')
    row.dataset.room = name
    const link = make('a')
    link.href = `#${encodeURIComponent(name)}`
    const text = make('span', 'name', name)
    text.dir = 'auto'
    link.append(text)
    if (isCurrent) link.ariaCurrent = 'page'
    if (unread > 0) {
      row.classList.add('unread')
      const badge = make('b', 'badge', short(unread))
      badge.append(make('span', 'unseen', ` ${counted(unread, 'unread message').replace(/^\d+ /, '')}`))
      link.append(badge)
    }
    row.append(link)
    if (!isCurrent) {
      const leave = button('plain leave', '×', () => this.#leave(name))
      leave.ariaLabel = `Leave ${name}`
      row.append(leave)
    }
    return row
  }
}

function short(count: number): string {
  return count > 99 ? '99+' : String(count)
}
