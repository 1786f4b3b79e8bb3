/** So many a second of each address; what is more is refused. Pure: the clock is handed in. */
import { networkOf } from '../addresses.ts'

/** So much of its rate an address may use at once. */
const BURST_MS = 1000
/** Those that are free again are forgotten when so many are known. */
const KNOWN_MAX = 1000

export class Rates {
  readonly #everyMs: number
  readonly #now: () => number
  /** By address: until when what it has had is paid, in ms. */
  readonly #paidUntil = new Map<string, number>()
  #forgetAt = KNOWN_MAX

  /** @param perSecond 0 sets no limit */
  constructor(perSecond: number, now: () => number) {
    this.#everyMs = perSecond > 0 ? 1000 / perSecond : 0
    this.#now = now
  }

  /** @returns false where the address has had its share, and this one does not count */
  take(address: string): boolean {
    if (this.#everyMs === 0) return true
    const network = networkOf(address)
    const now = this.#now()
    const paid = Math.max(this.#paidUntil.get(network) ?? 0, now) + this.#everyMs
    // Half of one more: of a rate that is no divisor the last one of a second must not fail by a rounding.
    if (paid > now + Math.max(BURST_MS, this.#everyMs) + this.#everyMs / 2) return false
    this.#paidUntil.set(network, paid)
    if (this.#paidUntil.size > this.#forgetAt) this.#forget(now)
    return true
  }

  /** Addresses that are known. */
  get size(): number {
    return this.#paidUntil.size
  }

  #forget(now: number): void {
    for (const [network, until] of this.#paidUntil) if (until <= now) this.#paidUntil.delete(network)
    // Where all are busy, not with each one that comes.
    this.#forgetAt = Math.max(KNOWN_MAX, 2 * this.#paidUntil.size)
  }
}
