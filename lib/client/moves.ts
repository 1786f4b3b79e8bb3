/** The way back from polling to a WebSocket: when the next try is due. */
import { WebSocketPatience } from './backoff.ts'
import type { Cancel, Surroundings } from './surroundings.ts'

export class Moves {
  readonly #where: Surroundings
  readonly #patience = new WebSocketPatience()
  readonly #open: () => void
  #cancel: Cancel | null = null

  /** @param open tries a WebSocket beside the link that carries the session */
  constructor(where: Surroundings, open: () => void) {
    this.#where = where
    this.#open = open
  }

  /** It is not worth a try now. */
  get holdsBack(): boolean {
    return this.#where.now() < this.#patience.notBefore
  }

  /** A WebSocket did not get as far as welcome where polling did. */
  failed(): void {
    this.#patience.failed(this.#where.now(), this.#where.random())
  }

  /** The session was moved to one. */
  moved(): void {
    this.#patience.moved(this.#where.now())
  }

  /** The one that carried the session is lost. */
  lost(): void {
    this.#patience.lost(this.#where.now(), this.#where.random())
  }

  /** Polling carries the session. */
  polling(): void {
    this.#patience.polling(this.#where.now(), this.#where.random())
  }

  /** @param isWanted polling carries the session, and no try is under way */
  plan(isWanted: boolean): void {
    if (!isWanted) {
      this.#cancel?.()
      this.#cancel = null
    } else if (!this.#cancel) {
      const ms = Math.max(0, this.#patience.notBefore - this.#where.now())
      this.#cancel = this.#where.setTimer(() => {
        this.#cancel = null
        this.#open()
      }, ms)
    }
  }
}
