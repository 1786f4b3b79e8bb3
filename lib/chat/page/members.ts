/** Who is in a room: an answer of the server, kept up to date by what the room tells. Pure. */
import type { Person } from '../events.ts'

type Change =
  | { readonly kind: 'here'; readonly person: Person }
  | { readonly kind: 'gone'; readonly id: string }

export class Members {
  #here = new Map<string, Person>()
  /** What was told while an answer was on its way: the answer may be older than that. */
  readonly #since = new Set<Change[]>()

  get count(): number {
    return this.#here.size
  }

  /** Rejects with what the question was rejected with; the list then stays as it is. */
  async renew(question: Promise<readonly Person[]>): Promise<void> {
    const since: Change[] = []
    this.#since.add(since)
    try {
      this.#here = new Map((await question).map((person) => [person.id, person]))
    } finally {
      this.#since.delete(since)
    }
    for (const change of since) this.#apply(change)
  }

  here(person: Person): void {
    this.#change({ kind: 'here', person })
  }

  gone(id: string): void {
    this.#change({ kind: 'gone', id })
  }

  of(id: string): Person | undefined {
    return this.#here.get(id)
  }

  /** By name. */
  list(): Person[] {
    return [...this.#here.values()].sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1))
  }

  #change(change: Change): void {
    for (const since of this.#since) since.push(change)
    this.#apply(change)
  }

  #apply(change: Change): void {
    if (change.kind === 'here') this.#here.set(change.person.id, change.person)
    else this.#here.delete(change.id)
  }
}
