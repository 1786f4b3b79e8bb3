/** Addresses of clients: what counts as one, and how many of each there are. Pure. */

/** An IPv4 address is the same on a socket that takes both kinds. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}

/** What limits count as one: an IPv4 address; of an IPv6 address the half that names a network: a home has all of it. */
export function networkOf(address: string): string {
  const plain = plainAddress(address)
  if (!plain.includes(':')) return plain
  const [left = [], right = []] = plain.split('::').map((half) => half.split(':').filter(Boolean))
  const zeros = new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  const groups = plain.includes('::') ? [...left, ...zeros, ...right] : left
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

/** How many of something each address holds. */
export class PerAddress {
  readonly #limit: number
  readonly #held = new Map<string, number>()

  /** @param limit 0 sets none, and nothing is counted */
  constructor(limit: number) {
    this.#limit = limit
  }

  isFull(address: string): boolean {
    return this.#limit > 0 && (this.#held.get(networkOf(address)) ?? 0) >= this.#limit
  }

  /** @returns what gives it back, once */
  hold(address: string): () => void {
    if (this.#limit === 0) return () => {}
    const network = networkOf(address)
    this.#held.set(network, (this.#held.get(network) ?? 0) + 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      const left = (this.#held.get(network) ?? 0) - 1
      if (left > 0) this.#held.set(network, left)
      else this.#held.delete(network)
    }
  }

  /** Addresses that hold any. */
  get size(): number {
    return this.#held.size
  }
}
