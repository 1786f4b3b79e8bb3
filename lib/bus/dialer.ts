/** Keeps the connection to one peer up, for as long as the primary says that there is one. */

const BACKOFF_MIN_MS = 10
const BACKOFF_MAX_MS = 500

/** Why there is no connection: nobody listens yet, an open one broke, or the peer spoke nonsense. */
export type Loss = 'unreachable' | 'broken' | 'fault'

export class Dialer {
  readonly #dial: (generation: number) => void
  #generation = 0
  #waitMs = BACKOFF_MIN_MS
  #timer: NodeJS.Timeout | null = null

  /** @param dial makes a connection; each ends in `lost` or in a call of `expect` or `stop` */
  constructor(dial: (generation: number) => void) {
    this.#dial = dial
  }

  /** 0: nobody to connect to. */
  expect(generation: number): void {
    if (generation === this.#generation) return
    this.stop()
    this.#generation = generation
    if (generation > 0) this.#dial(generation)
  }

  lost(loss: Loss): void {
    if (this.#generation === 0 || this.#timer) return
    if (loss === 'broken') this.#waitMs = BACKOFF_MIN_MS
    if (loss === 'fault') this.#waitMs = BACKOFF_MAX_MS
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#dial(this.#generation)
    }, this.#waitMs)
    this.#waitMs = Math.min(2 * this.#waitMs, BACKOFF_MAX_MS)
  }

  stop(): void {
    this.#generation = 0
    this.#waitMs = BACKOFF_MIN_MS
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }
}
