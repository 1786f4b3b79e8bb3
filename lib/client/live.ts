/** The link that carries the session, as the session machine sees it: what was counted and written on it. */
import { checksum } from '../wire/checksum.ts'
import { type Data, encodeNumber } from '../wire/frames.ts'
import type { Conversation } from './conversation.ts'
import type { ClientEffects, LinkId } from './effects.ts'

/** A replay leaves in pages of this many bytes, as fast as the link takes them. */
const PAGE_BYTES = 128 * 1024

export class Live {
  readonly kind = 'connected'
  readonly link: LinkId
  /** The server has turned to another link of ours; what is still written here goes nowhere. */
  fenced = false
  readonly #conversation: Conversation
  readonly #effects: ClientEffects
  /** Number of the next counted frame the server sends here. */
  #next: number
  /** Our frames 1 … cursor were written here, or taken before. */
  #cursor: number
  #volatiles: Data[] = []

  /** `from` and `taken` as the welcome of this link said them. */
  constructor(
    link: LinkId,
    conversation: Conversation,
    effects: ClientEffects,
    welcome: { readonly from: number; readonly taken: number },
  ) {
    this.link = link
    this.#conversation = conversation
    this.#effects = effects
    this.#next = welcome.from
    this.#cursor = welcome.taken
  }

  get writable(): boolean {
    return !this.fenced && this.#effects.writable(this.link)
  }

  /** Bytes of counted frames that are not yet written here. */
  get unwrittenBytes(): number {
    const { outbox } = this.#conversation
    let bytes = 0
    for (let number = this.#cursor + 1; number <= outbox.end; number++) bytes += outbox.at(number).size
    return bytes
  }

  /** Counts a frame of the server. @returns its number; null where a former link had brought it already */
  count(data: Data, now: number): number | null {
    const conversation = this.#conversation
    const number = this.#next
    this.#next += 1
    if (number <= conversation.inbox.count) return null
    const { crc, size } = checksum(data)
    conversation.inbox.take(crc)
    if (conversation.acknowledger.took(size, now)) conversation.acknowledgeNow = true
    return number
  }

  /** @returns false where the server claims more than was written here */
  acknowledge(count: number): boolean {
    return count <= this.#cursor && this.#conversation.outbox.acknowledge(count)
  }

  /** Volatile frames wait for the end of the turn, not for the link. */
  volatile(data: Data): void {
    if (this.writable) this.#volatiles.push(data)
  }

  /**
   * All that is due leaves: `received`, then events and answers from the outbox by cursor, then volatile ones.
   * `all`: whatever the link says, because nothing can follow; the outbox is bounded.
   */
  flush(now: number, mayAcknowledge: boolean, how: 'while writable' | 'all' = 'while writable'): void {
    const ready = (): boolean => (how === 'all' ? !this.fenced : this.writable)
    const { acknowledger, acknowledgeNow, inbox, outbox } = this.#conversation
    const volatiles = this.#volatiles
    this.#volatiles = []
    if (!ready()) return
    let frames: Data[] = []
    const due = acknowledgeNow || now >= acknowledger.dueAt
    if (mayAcknowledge && (due || (this.#cursor < outbox.end && acknowledger.ridesAlong(now)))) {
      frames.push(encodeNumber('received', inbox.count))
      this.#conversation.acknowledged()
    }
    do {
      this.#takePage(frames)
      // Never ahead of counted frames of the same turn; what does not fit into it is dropped rather than queued.
      if (this.#cursor === outbox.end) frames.push(...volatiles)
      if (frames.length > 0) this.#effects.send(this.link, frames)
      frames = []
    } while (this.#cursor < outbox.end && ready())
  }

  #takePage(frames: Data[]): void {
    const conversation = this.#conversation
    let bytes = 0
    while (this.#cursor < conversation.outbox.end && bytes < PAGE_BYTES) {
      this.#cursor += 1
      const { data, size } = conversation.outbox.at(this.#cursor)
      frames.push(data)
      bytes += size
    }
    conversation.sent = Math.max(conversation.sent, this.#cursor)
  }
}
