/** The stream from a peer, as this end counts it. Pure. */
import { roll } from '../wire/checksum.ts'
import { checksumOfItem } from './check.ts'

/** A count leaves with whatever leaves; alone when it is about so much. */
const TELL_AFTER = { items: 64, bytes: 32 * 1024 } as const

export class Incoming {
  /** Items in this worker's memory. */
  taken: number
  /** Rolling check over them. */
  check: number
  /** Items that would survive its process. */
  committed: number
  /** Up to where the peer knows the latter. */
  #told = 0
  #untoldBytes = 0

  constructor(taken: number, check: number) {
    this.taken = taken
    this.check = check
    this.committed = taken
  }

  /** @returns the item's number */
  take(item: Uint8Array): number {
    this.taken += 1
    this.check = roll(this.check, checksumOfItem(item).crc)
    this.#untoldBytes += item.length
    return this.taken
  }

  commit(count: number): void {
    if (count > this.taken) throw new RangeError(`${count} items committed, ${this.taken} taken`)
    this.committed = Math.max(this.committed, count)
  }

  get owed(): boolean {
    return this.committed > this.#told
  }

  /** So much is owed that it is worth a write of its own. */
  get pressing(): boolean {
    return this.committed - this.#told >= TELL_AFTER.items || this.#untoldBytes >= TELL_AFTER.bytes
  }

  /** @returns what the peer is told */
  tell(): number {
    this.#told = this.committed
    this.#untoldBytes = 0
    return this.committed
  }

  reset(): void {
    this.taken = 0
    this.check = 0
    this.committed = 0
    this.tell()
  }
}
