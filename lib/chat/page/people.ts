import type { Person } from '../events.ts'
import type { Members } from './members.ts'
import { make, part } from './parts.ts'
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
    // Rows are kept where nothing changed: a list that is read aloud, or scrolled, is not taken away.
    const kept = new Map([...this.#list.children].map((row) => [(row as HTMLElement).dataset.row ?? '', row]))
    const rows = people.map((person) => kept.get(this.#keyOf(person)) ?? this.#row(person))
    if (rows.length !== this.#list.childElementCount || rows.some((row, i) => this.#list.children[i] !== row))
      this.#list.replaceChildren(...rows)
  }

  #keyOf({ id, name, away }: Person): string {
    return JSON.stringify([id, name, away, this.#isOwn(id)])
  }

  #row(person: Person): HTMLLIElement {
    const { id, name, away } = person
    const row = make('li', `person ${hueOf(name)}`)
    row.dataset.row = this.#keyOf(person)
    row.dataset.away = String(away)
    const face = make('span', 'face', initialOf(name))
    face.ariaHidden = 'true'
    const text = make('span', 'name', name)
    text.dir = 'auto'
    row.append(face, text)
    const state = [...(this.#isOwn(id) ? ['you'] : []), ...(away ? ['reconnecting'] : [])].join(', ')
    if (state !== '') row.append(make('small', '', state))
    return row
  }
}
