/** Whose word about the address of a client is taken: `--trust-proxy`. Pure. */
import { BlockList, isIP } from 'node:net'
import { plainAddress } from './addresses.ts'

/** none, or addresses, networks like 10.0.0.0/8 and `loopback`, separated by commas. */
export function isProxyList(text: string): boolean {
  return (
    text === 'none' || text.split(',').every((entry) => entry === 'loopback' || networkIn(entry) !== null)
  )
}

export class Proxies {
  /** Nobody's word is taken. */
  readonly none: boolean
  readonly #trusted = new BlockList()

  /** @param list for which `isProxyList` holds */
  constructor(list: string) {
    this.none = list === 'none'
    if (this.none) return
    for (const entry of list.replace('loopback', '127.0.0.0/8,::1').split(',')) {
      const network = networkIn(entry)
      if (network) this.#trusted.addSubnet(network.address, network.prefix, network.family)
    }
  }

  trusts(address: string): boolean {
    if (this.none) return false
    const plain = addressIn(address)
    return plain !== null && this.#trusted.check(plain, familyOf(plain))
  }

  /**
   * The last one in the chain that is not trusted: what stands before it is its own word only.
   * @param peer who the connection is from
   * @param forwardedFor the chain behind it, the client first
   */
  clientOf(peer: string, forwardedFor: string | undefined): string {
    let client = plainAddress(peer)
    if (!forwardedFor || !this.trusts(client)) return client
    for (const entry of forwardedFor.split(',').reverse()) {
      const address = addressIn(entry.trim())
      if (address === null) return client
      client = address
      if (!this.trusts(client)) return client
    }
    return client
  }
}

interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

function networkIn(entry: string): Network | null {
  const [, address = '', bits] = /^([0-9a-f.:]+)(?:\/([0-9]{1,3}))?$/i.exec(entry) ?? []
  if (isIP(address) === 0) return null
  const family = familyOf(address)
  const longest = family === 'ipv4' ? 32 : 128
  const prefix = bits === undefined ? longest : Number(bits)
  return prefix <= longest ? { address, prefix, family } : null
}

/** Without its port or zone, which some proxies add; null where there is none. */
function addressIn(text: string): string | null {
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? []
  const [address = ''] = (bracketed ?? dotted ?? text).split('%')
  return isIP(address) === 0 ? null : plainAddress(address)
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}
