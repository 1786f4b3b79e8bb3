import type { Person } from '../events.ts'
import type { Members } from './members.ts'
import { make, part, showRows } from './parts.ts'
import { counted, hueOf, initialOf } from './words.ts'

/** The member list of the room that is shown. */
export class People {
  readonly #list = part('people', HTMLUListElement)
  readonly #count = part('count', HTMLElement)
  readonly #heading = part('here', HTMLElement)
  readonly #isOwn: (id: string) => boolean
  #members: Members | null = null
  #drawing = false

  constructor(isOwn: (id: string) => boolean) {
    this.#isOwn = isOwn
  }

  /** Once per frame: a crowd that arrives at once is one new list. */
  show(members: Members): void {
    this.#members = members
    if (this.#drawing) return
    this.#drawing = true
    requestAnimationFrame(() => {
      this.#drawing = false
      this.#draw()
    })
  }

  #draw(): void {
    const people = this.#members?.list() ?? []
    this.#count.textContent = String(people.length)
    this.#heading.textContent = `${counted(people.length, 'person').replace('persons', 'people')} here`
    showRows(
      this.#list,
      people.map((person) => this.#shown(person)),
      (person) => JSON.stringify(person),
      (person) => rowOf(person),
    )
  }

  /** Oneself is never away: what says so is late, or this page could not show it. */
  #shown({ id, name, away }: Person): Shown {
    const isOwn = this.#isOwn(id)
    return { id, name, isOwn, isAway: away && !isOwn }
  }
}

interface Shown {
  readonly id: string
  readonly name: string
  readonly isOwn: boolean
  readonly isAway: boolean
}

function rowOf({ name, isOwn, isAway }: Shown): HTMLLIElement {
  const row = make('li', `person ${hueOf(name)}`)
  row.dataset.away = String(isAway)
  const face = make('span', 'face', initialOf(name))
  face.ariaHidden = 'true'
  const text = make('span', 'name', name)
  text.dir = 'auto'
  row.append(face, text)
  if (isOwn || isAway) row.append(make('small', '', isOwn ? 'you' : 'reconnecting'))
  return row
}
