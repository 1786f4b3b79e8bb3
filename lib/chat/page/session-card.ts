/** What this page's session has lived through: so that anybody can watch it survive. */
import { part } from './parts.ts'
import { ageWords, counted } from './words.ts'

const AGED_EVERY_MS = 10_000

export class SessionCard {
  readonly #age = part('age', HTMLElement)
  readonly #links = part('links', HTMLElement)
  readonly #missed = part('missed', HTMLElement)
  readonly #lost = part('lost', HTMLElement)
  readonly #worker = part('worker', HTMLElement)
  readonly #survived = part('survived', HTMLElement)
  #since: number | null = null
  #linkCount = 0
  #missedCount = 0
  #lostCount = 0
  readonly #workers = new Set<number>()

  constructor() {
    setInterval(() => this.#show(), AGED_EVERY_MS)
  }

  /** A new session. */
  began(): void {
    this.#since = performance.now()
    this.#linkCount = 1
    this.#missedCount = 0
    this.#show()
  }

  resumed(): void {
    this.#linkCount += 1
    this.#show()
  }

  caughtUp(messages: number): void {
    this.#missedCount += messages
    this.#show()
  }

  /** The session was lost; `began` follows. */
  lost(messages: number): void {
    this.#lostCount += messages
    this.#show()
  }

  /** @param worker a process, in demo mode */
  livesIn(worker: number): void {
    this.#workers.add(worker)
    this.#worker.textContent = String(worker)
    this.#survived.textContent = String(this.#workers.size - 1)
  }

  #show(): void {
    this.#age.textContent = this.#since === null ? '–' : ageWords(performance.now() - this.#since)
    this.#links.textContent = this.#linkCount === 0 ? '–' : String(this.#linkCount)
    this.#missed.textContent = this.#missedCount === 0 ? 'nothing' : counted(this.#missedCount, 'message')
    this.#lost.textContent = this.#lostCount === 0 ? 'nothing' : counted(this.#lostCount, 'message')
  }
}
