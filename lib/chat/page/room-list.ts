import { button, make, part, showRows } from './parts.ts'
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
    const focused = document.activeElement?.closest<HTMLElement>('li')?.dataset.room
    showRows(
      this.#list,
      rooms.list().map(({ name, unread }) => ({ name, unread, isCurrent: name === rooms.current.name })),
      (room) => JSON.stringify(room),
      (room) => this.#row(room),
    )
    // A row that changed under the finger of whoever walks the list by keyboard.
    if (focused !== undefined && document.activeElement === document.body)
      this.#list.querySelector<HTMLElement>(`[data-room="${CSS.escape(focused)}"] a`)?.focus()
    const elsewhere = rooms.unreadElsewhere
    this.#badge.textContent = elsewhere > 0 ? short(elsewhere) : ''
    const unread = elsewhere + rooms.current.unread
    document.title = `${unread > 0 ? `(${short(unread)}) ` : ''}#${rooms.current.name} · limpet`
  }

  #row({ name, unread, isCurrent }: { name: string; unread: number; isCurrent: boolean }): HTMLLIElement {
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
