/**
 * The stream primitive: one direction of counted messages between two ends that both outlive their connections.
 * The sender keeps an outbox until the peer has said "received n"; the receiver keeps a count. After a reconnect
 * "I have received n" leads to a replay from n + 1. Used three times: client → session, session → client,
 * worker → worker. Pure: no clocks, no sockets.
 */
import { roll } from './checksum.ts'

/** What an outbox needs of what it holds. */
export interface Counted {
  readonly crc: number
  readonly size: number
}

const COMPACT_AT = 64

/** What was sent and is not yet known to be received, in order. Numbers are counts from 1. */
export class Outbox<T extends Counted> {
  #items: (T | undefined)[] = []
  #head = 0
  /** Messages 1 … base are known to be received. */
  base = 0
  /** Messages 1 … end have been appended. */
  end = 0
  /** Bytes of what is held. */
  bytes = 0
  /** Rolling check over messages 1 … base. */
  baseCheck = 0

  /** An empty outbox goes on behind messages 1 … base, all of them received. */
  begin(base: number, baseCheck: number): void {
    this.base = base
    this.end = base
    this.baseCheck = baseCheck
  }

  append(item: T): number {
    this.#items.push(item)
    this.bytes += item.size
    this.end += 1
    return this.end
  }

  /** Undoes the appends behind `n`, base ≤ n ≤ end: nobody can have received them. @returns what they were */
  takeBack(n: number): T[] {
    const items = this.#items.splice(this.#head + n - this.base) as T[]
    for (const { size } of items) this.bytes -= size
    this.end = n
    return items
  }

  /** The message numbered `n`, `base < n ≤ end`. */
  at(n: number): T {
    const item = this.#items[this.#head + n - this.base - 1]
    if (n <= this.base || item === undefined)
      throw new RangeError(`no message ${n} in (${this.base}, ${this.end}]`)
    return item
  }

  /** Rolling check over messages 1 … n, or null where n is not in [base, end]: the peer's count lies. */
  checkAt(n: number): number | null {
    if (n < this.base || n > this.end) return null
    let check = this.baseCheck
    for (let i = this.base + 1; i <= n; i++) check = roll(check, this.at(i).crc)
    return check
  }

  /**
   * The peer has received 1 … n. An older n changes nothing.
   * @returns false where n was never sent: the peer's count lies, nothing changed.
   */
  acknowledge(n: number): boolean {
    if (n > this.end) return false
    while (this.base < n) {
      const item = this.#items[this.#head]!
      this.baseCheck = roll(this.baseCheck, item.crc)
      this.bytes -= item.size
      // Its place is kept until the next compaction, what it holds is not.
      this.#items[this.#head] = undefined
      this.#head += 1
      this.base += 1
    }
    if (this.#head === this.#items.length) {
      // An idle session keeps no array capacity.
      if (this.#head > 0) this.#items = []
      this.#head = 0
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return true
  }

  /** Forgets everything held, keeps the numbers: the stream is over. */
  drop(): void {
    this.#items = []
    this.#head = 0
    this.bytes = 0
    this.base = this.end
  }
}

/** The receiving end: a count and its rolling check. */
export class Inbox {
  count = 0
  check = 0

  /** Goes on behind messages 1 … count. */
  begin(count: number, check: number): void {
    this.count = count
    this.check = check
  }

  /** @returns the number of the message taken */
  take(crc: number): number {
    this.check = roll(this.check, crc)
    this.count += 1
    return this.count
  }
}

/** Counted frames, bytes of them, ms after the first one not yet acknowledged. */
export interface ReceivedAfter {
  readonly messages: number
  readonly bytes: number
  readonly ms: number
}

/**
 * A client's application may wait to hear that its messages are handled. Nobody waits for what a client received: it
 * only frees memory, and said by every member of a busy room it would cost the server a tenth of a delivery.
 */
export const RECEIVED_AFTER = {
  server: { messages: 64, bytes: 32 * 1024, ms: 1000 },
  client: { messages: 512, bytes: 64 * 1024, ms: 5000 },
} as const satisfies Record<string, ReceivedAfter>

/** When to tell the peer what was received: after so many counted frames, bytes or ms, whichever is first. */
export class Acknowledger {
  #after: ReceivedAfter
  #messages = 0
  #bytes = 0
  /** When the next `received` is due by time (ms of the caller's clock); Infinity when nothing is owed. */
  dueAt = Number.POSITIVE_INFINITY

  constructor(after: ReceivedAfter) {
    this.#after = after
  }

  /** The peer's outbox holds so many bytes: a quarter of them is as much as may wait to be acknowledged. */
  within(outboxBytes: number): void {
    this.#after = { ...this.#after, bytes: Math.min(this.#after.bytes, outboxBytes / 4) }
  }

  /** @returns true when `received` is due now */
  took(size: number, now: number): boolean {
    const { messages, bytes, ms } = this.#after
    if (this.#messages === 0) this.dueAt = now + ms
    this.#messages += 1
    this.#bytes += size
    return this.#messages >= messages || this.#bytes >= bytes || now >= this.dueAt
  }

  /** `received` is owed for half of its time: it leaves along with something else. A write of its own costs far more. */
  ridesAlong(now: number): boolean {
    return this.dueAt - now <= this.#after.ms / 2
  }

  /** The count has left, in `received`, hello or welcome. */
  told(): void {
    this.#messages = 0
    this.#bytes = 0
    this.dueAt = Number.POSITIVE_INFINITY
  }
}
