import { part } from './parts.ts'
import { Typing } from './typing.ts'
import { typingWords } from './words.ts'

const SHOWN_EVERY_MS = 1000

/** Who is typing in the room that is shown. */
export class TypingView {
  readonly #typing = new Typing()
  readonly #words = part('typing', HTMLElement)

  constructor() {
    setInterval(() => this.#show(), SHOWN_EVERY_MS)
  }

  heard(id: string, name: string): void {
    this.#typing.heard(id, name, performance.now())
    this.#show()
  }

  /** Spoke, or left. */
  stopped(id: string): void {
    this.#typing.stopped(id)
    this.#show()
  }

  /** Another room is shown. */
  clear(): void {
    this.#typing.clear()
    this.#show()
  }

  /** @returns whether a keystroke of now is to be told */
  tells(): boolean {
    return this.#typing.tells(performance.now())
  }

  sent(): void {
    this.#typing.sent()
  }

  #show(): void {
    const words = typingWords(this.#typing.names(performance.now()))
    // Untouched where nothing changed: it is read aloud.
    if (this.#words.textContent !== words) this.#words.textContent = words
  }
}
