/** Sessions that wait for their clients: how many there may be, and who gives way where there are more. */
import { networkOf } from '../addresses.ts'
import type { Session } from './session.ts'

export interface SuspendedLimits {
  /** Of this worker. */
  readonly suspendedSessions: number
  /** Of one address here; 0 sets no limit. */
  readonly suspendedPerAddress: number
}

export class Suspended {
  readonly #limits: SuspendedLimits
  /** Longest waiting first. */
  readonly #all = new Set<Session>()
  /** The same by address, where that is limited. */
  readonly #byNetwork = new Map<string, Set<Session>>()

  constructor(limits: SuspendedLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#all.size
  }

  /** @returns who has to give way: of this address, where that has too many, else of all */
  add(session: Session): Session | null {
    this.delete(session)
    this.#all.add(session)
    const { suspendedSessions, suspendedPerAddress } = this.#limits
    const same = suspendedPerAddress > 0 ? this.#of(session) : null
    same?.add(session)
    if (same && same.size > suspendedPerAddress) return first(same)
    return this.#all.size > suspendedSessions ? first(this.#all) : null
  }

  delete(session: Session): void {
    if (!this.#all.delete(session) || this.#limits.suspendedPerAddress === 0) return
    const network = networkOf(session.address)
    const same = this.#byNetwork.get(network)
    same?.delete(session)
    if (same?.size === 0) this.#byNetwork.delete(network)
  }

  #of({ address }: Session): Set<Session> {
    const network = networkOf(address)
    let same = this.#byNetwork.get(network)
    if (!same) {
      same = new Set()
      this.#byNetwork.set(network, same)
    }
    return same
  }
}

function first(sessions: Set<Session>): Session | null {
  for (const session of sessions) return session
  return null
}
