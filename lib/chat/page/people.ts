import type { Person } from '../events.ts'
import { hueOf } from './words.ts'

type Change = { readonly kind: 'here' | 'gone'; readonly person: Person }

/** The member list: an answer of the server, kept up to date by what the room tells. */
export class People {
  readonly #list: HTMLUListElement
  readonly #count: HTMLElement
  readonly #isOwn: (id: string) => boolean
  #here = new Map<string, string>()
  /** What was told while an answer was on its way: the answer may be older than that. */
  readonly #since = new Set<Change[]>()
  #showing = false

  constructor(list: HTMLUListElement, count: HTMLElement, isOwn: (id: string) => boolean) {
    this.#list = list
    this.#count = count
    this.#isOwn = isOwn
  }

  /** Rejects with what the question was rejected with; the list then stays as it is. */
  async renew(question: Promise<readonly Person[]>): Promise<void> {
    const since: Change[] = []
    this.#since.add(since)
    try {
      this.#here = new Map((await question).map(({ id, name }) => [id, name]))
    } finally {
      this.#since.delete(since)
    }
    for (const change of since) this.#apply(change)
    this.#show()
  }

  change(kind: Change['kind'], person: Person): void {
    for (const since of this.#since) since.push({ kind, person })
    this.#apply({ kind, person })
    this.#show()
  }

  nameOf(id: string): string | undefined {
    return this.#here.get(id)
  }

  #apply({ kind, person }: Change): void {
    if (kind === 'here') this.#here.set(person.id, person.name)
    else this.#here.delete(person.id)
  }

  /** Once per frame: a crowd that arrives at once is one new list. */
  #show(): void {
    if (this.#showing) return
    this.#showing = true
    requestAnimationFrame(() => {
      this.#showing = false
      const rows = [...this.#here].sort((a, b) => a[1].localeCompare(b[1]) || (a[0] < b[0] ? -1 : 1))
      this.#count.textContent = String(rows.length)
      this.#list.replaceChildren(...rows.map(([id, name]) => this.#row(id, name)))
    })
  }

  #row(id: string, name: string): HTMLLIElement {
    const row = document.createElement('li')
    row.classList.add(hueOf(name))
    row.classList.toggle('own', this.#isOwn(id))
    const text = document.createElement('span')
    text.dir = 'auto'
    text.textContent = name
    row.append(text)
    return row
  }
}
