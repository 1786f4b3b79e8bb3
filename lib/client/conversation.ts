/**
 * What lasts of one session on the client's side, whatever its links do: identity, counts, outbox. Plain data without
 * promises or links, so that it can be saved and restored as a whole.
 */
import { checksum } from '../wire/checksum.ts'
import { LimpetError } from '../wire/codes.ts'
import {
  type AnswerResult,
  type Data,
  encodeAnswer,
  encodeEvent,
  encodeVolatile,
  type Welcome,
} from '../wire/frames.ts'
import { Acknowledger, type Counted, Inbox, Outbox, RECEIVED_AFTER } from '../wire/stream.ts'
import type { Snapshot } from './snapshot.ts'

/** What is believed of the server before its first welcome. */
const PAYLOAD_BYTES = 4 * 1024 * 1024

/** One counted frame of ours. */
interface Sent extends Counted {
  readonly data: Data
  /** The event's name; null for answers, which no application waits for. */
  readonly name: string | null
}

/** A message whose session was lost before it was known to be handled. */
export interface PendingSend {
  /** Its number in the lost session. */
  readonly number: number
  readonly name: string
  /** `unknown`: the server may have had it. `not_delivered`: it never had it. */
  readonly fate: 'unknown' | 'not_delivered'
}

/** How a session ended for what was sent in it: ≤ handled delivered, ≤ taken unknown, the rest not delivered. */
export interface Ending {
  readonly handled: number
  readonly taken: number
}

export class Conversation {
  /** 1 for the first session of this client, 2 for the one after its first discontinuity, … */
  readonly ordinal: number
  /** 128 random bits, base64url. A secret. */
  key: string
  readonly outboxBytes: number
  /** Named by the first welcome. */
  id: string | null = null
  /** Largest frame in bytes; known from the first welcome. */
  payloadBytes = PAYLOAD_BYTES
  readonly outbox = new Outbox<Sent>()
  /** Messages 1 … sent have been written to some link: they may have been handled. */
  sent = 0
  /** Messages 1 … restoredEnd are of an earlier page. */
  restoredEnd = 0
  /** Bytes of all that was ever appended here. */
  emittedBytes = 0
  readonly inbox = new Inbox()
  readonly acknowledger = new Acknowledger(RECEIVED_AFTER.client)
  /** `received` is due whatever the clock says. */
  acknowledgeNow = false
  /** Numbers of our events whose answer is awaited. */
  readonly questions = new Set<number>()

  constructor(ordinal: number, key: string, outboxBytes: number) {
    this.ordinal = ordinal
    this.key = key
    this.outboxBytes = outboxBytes
  }

  /** Goes on as an earlier page left it. */
  restore({ id, payloadBytes, sent, base, baseCheck, received, check, outbox }: Snapshot): void {
    Object.assign(this, { id, payloadBytes, sent })
    this.inbox.begin(received, check)
    this.outbox.begin(base, baseCheck)
    for (const [name, data] of outbox) this.outbox.append({ data, name, ...checksum(data) })
    this.restoredEnd = this.outbox.end
  }

  snapshot(): Omit<Snapshot, 'segment' | 'owner'> {
    const { id, key, payloadBytes, sent, inbox, outbox } = this
    const { base, baseCheck } = outbox
    const waiting: [string | null, Data][] = []
    for (let number = base + 1; number <= outbox.end; number++) {
      const { name, data } = outbox.at(number)
      waiting.push([name, data])
    }
    const received = inbox.count
    return { id, key, payloadBytes, sent, base, baseCheck, received, check: inbox.check, outbox: waiting }
  }

  /** A new session with what was emitted since `restore`. */
  withoutRestored(key: string): Conversation {
    const fresh = new Conversation(this.ordinal, key, this.outboxBytes)
    for (let n = this.restoredEnd + 1; n <= this.outbox.end; n++) fresh.outbox.append(this.outbox.at(n))
    for (const number of this.questions) fresh.questions.add(number - this.restoredEnd)
    return fresh
  }

  /** @returns its number */
  emit(name: string, args: unknown[], wantsAnswer: boolean): number {
    const data = encoded(() => encodeEvent(name, args, wantsAnswer))
    const number = this.#append(data, name, this.outboxBytes)
    if (wantsAnswer) this.questions.add(number)
    return number
  }

  volatile(name: string, args: unknown[]): Data {
    const data = encoded(() => encodeVolatile(name, args))
    this.#assertPayload(checksum(data).size)
    return data
  }

  /** An answer that cannot be sent becomes an error, which always can: the asker must learn. */
  answer(to: number, result: AnswerResult): void {
    try {
      this.#append(
        encoded(() => encodeAnswer(to, result)),
        null,
        this.outboxBytes,
      )
    } catch (error) {
      if (!(error instanceof LimpetError)) throw error
      const { code } = error
      this.#append(
        encodeAnswer(to, { ok: false, code, message: 'the answer cannot be sent' }),
        null,
        Number.POSITIVE_INFINITY,
      )
    }
  }

  #append(data: Data, name: string | null, limitBytes: number): number {
    const { crc, size } = checksum(data)
    this.#assertPayload(size)
    // A message larger than the limit may pass alone: else none between outboxBytes and payloadBytes ever could.
    if (this.outbox.bytes > 0 && this.outbox.bytes + size > limitBytes) throw new LimpetError('outbox_full')
    this.emittedBytes += size
    return this.outbox.append({ data, crc, size, name })
  }

  #assertPayload(size: number): void {
    if (size > this.payloadBytes)
      throw new LimpetError('payload_too_large', `${size} bytes, the limit is ${this.payloadBytes}`)
  }

  /** The server knows how much was received. */
  acknowledged(): void {
    this.acknowledger.told()
    this.acknowledgeNow = false
  }

  /** Whether this welcome continues exactly what is here. */
  agrees({ id, from, taken, check }: Welcome): boolean {
    if (this.id !== null && this.id !== id) return false
    return from <= this.inbox.count + 1 && taken <= this.sent && this.outbox.checkAt(taken) === check
  }

  /** Bytes of the largest frame of ours above `taken`. */
  largestAbove(taken: number): number {
    let largest = 0
    for (let n = taken + 1; n <= this.outbox.end; n++) largest = Math.max(largest, this.outbox.at(n).size)
    return largest
  }

  /** What this side knows by itself when the server's word is missing or cannot be believed. */
  ownEnding(): Ending {
    return { handled: this.outbox.base, taken: this.sent }
  }

  /**
   * `gone` as far as it can be believed. A server that forgot what it had acknowledged, or that knows nothing at all
   * (a restart without journal), cannot say that a message was not delivered.
   */
  endingOf({ code, handled, taken }: Ending & { readonly code: string }): Ending {
    const forgot = handled < this.outbox.base || (code === 'session_unknown' && taken === 0)
    const believable = !forgot && handled <= taken && handled <= this.sent
    // It may not know what a process that died had taken; what was never sent it had not.
    return believable ? { handled, taken: Math.min(taken, this.sent) } : this.ownEnding()
  }

  pending({ handled, taken }: Ending): PendingSend[] {
    const pending: PendingSend[] = []
    const { outbox } = this
    for (let number = handled + 1; number <= outbox.end; number++) {
      const { name } = outbox.at(number)
      if (name !== null) pending.push({ number, name, fate: number <= taken ? 'unknown' : 'not_delivered' })
    }
    return pending
  }

  /** Every open question with what its asker is told; afterwards none is open. */
  settleAll({ taken }: Ending): [number: number, result: AnswerResult][] {
    const settled = [...this.questions].map((number): [number, AnswerResult] => [
      number,
      number <= taken
        ? { ok: false, code: 'unknown', message: 'the session ended before the answer came' }
        : { ok: false, code: 'not_delivered', message: 'the session ended before the message was delivered' },
    ])
    this.questions.clear()
    return settled
  }
}

/** Arguments are the application's: cycles, BigInt and depth are its mistake, with a code. */
function encoded(encode: () => Data): Data {
  try {
    return encode()
  } catch (error) {
    throw new LimpetError('arguments_invalid', error instanceof Error ? error.message : undefined)
  }
}
