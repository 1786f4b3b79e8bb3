/** How many hellos are taken a second. Sessions that come back go before new ones; new ones also have a rate per address. */
import { networkOf } from '../addresses.ts'
import { Slots } from './slots.ts'

export interface HelloRates {
  /** Per worker; 0 sets no limit. */
  readonly hellosPerSecond: number
  /** New sessions of one address, per worker; 0 sets no limit. */
  readonly hellosPerAddress: number
}

const BURST_MS = 250
const ADDRESS_BURST_MS = 1000
/** Nobody is sent away for longer. */
const LONGEST_MS = 30_000
/** Addresses without anybody waiting are forgotten when so many are known. */
const ADDRESSES_MAX = 1000

export class Turnstile {
  readonly #rates: HelloRates
  readonly #now: () => number
  readonly #resumed: Slots | null
  readonly #begun: Slots | null
  readonly #addresses = new Map<string, Slots>()

  constructor(rates: HelloRates, now: () => number) {
    this.#rates = rates
    this.#now = now
    const { hellosPerSecond } = rates
    this.#begun = hellosPerSecond > 0 ? new Slots(hellosPerSecond, BURST_MS, now) : null
    this.#resumed = hellosPerSecond > 0 ? new Slots(hellosPerSecond, BURST_MS, now, this.#begun) : null
  }

  /**
   * @param name the same whenever this client asks
   * @param graceMs it must not be over before the client is back
   * @returns ms until it may come; 0: now
   */
  resume(name: string, graceMs: number): number {
    return Math.ceil(this.#resumed?.ask(name, Math.min(LONGEST_MS, graceMs / 2)) ?? 0)
  }

  begin(name: string, address: string): number {
    const own = this.#ofAddress(address)?.ask(name, LONGEST_MS) ?? 0
    return Math.ceil(own > 0 ? own : (this.#begun?.ask(name, LONGEST_MS) ?? 0))
  }

  #ofAddress(address: string): Slots | null {
    const { hellosPerAddress } = this.#rates
    if (hellosPerAddress === 0) return null
    const network = networkOf(address)
    const known = this.#addresses.get(network)
    if (known) return known
    if (this.#addresses.size >= ADDRESSES_MAX)
      for (const [other, slots] of this.#addresses) if (slots.idle) this.#addresses.delete(other)
    const slots = new Slots(hellosPerAddress, ADDRESS_BURST_MS, this.#now)
    this.#addresses.set(network, slots)
    return slots
  }
}
