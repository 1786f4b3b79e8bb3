/**
 * Faults of the application that a client can bring about as often as it likes: each is logged at once, and one that comes
 * again only now and then, with how often. Others beside it are not hidden by that.
 */
import type { Logger } from 'pino'

const EVERY_MS = 60_000
/** Different ones that are remembered; the oldest is forgotten, and logged anew. */
const KNOWN_MAX = 100

export class FaultLog {
  readonly #log: Pick<Logger, 'error'>
  readonly #now: () => number
  readonly #known = new Map<string, { at: number; times: number }>()

  /** @param now ms */
  constructor(log: Pick<Logger, 'error'>, now: () => number) {
    this.#log = log
    this.#now = now
  }

  fault(error: unknown, words: string): void {
    const name = `${words} ${placeOf(error)}`
    const known = this.#known.get(name)
    const now = this.#now()
    if (known && now - known.at < EVERY_MS) {
      known.times += 1
      return
    }
    this.#known.delete(name)
    this.#known.set(name, { at: now, times: 0 })
    const [oldest] = this.#known.keys()
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest)
    this.#log.error({ err: error, ...(known && known.times > 0 && { again: known.times }) }, words)
  }
}

/** Where it was thrown: what it says may hold anything a client wrote. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const place = /^\s+at .*$/m.exec(error.stack ?? '')?.[0]
  return place === undefined ? error.name : `${error.name}${place}`
}
