/**
 * What a connection between two workers carries: `u32 BE length | u8 type | body`, the length without itself.
 * Items are not numbered: both ends count them from what the two hellos said. Pure.
 */
import { FieldReader, FieldWriter } from './fields.ts'

export const BUS_VERSION = 1

/** First from each end; the end that was dialled answers with its own. */
export interface BusHello {
  readonly slot: number
  readonly generation: number
  /** Rises with each connection that its process dials: an earlier one that comes late takes over from none. */
  readonly attempt: number
  /** Names the sender's memory: another epoch has forgotten what was said to the one before. */
  readonly epoch: string
  /** The epoch of the receiver that the counts are about; empty when the sender knows of none. */
  readonly about: string
  /** Items of the receiver's stream that are in the sender's memory: the receiver goes on behind them. */
  readonly taken: number
  /** Rolling check over them. */
  readonly check: number
  /** Those of them that are committed: the receiver may forget them. */
  readonly received: number
}

export type Envelope =
  | { readonly type: 'hello'; readonly hello: BusHello }
  /** A hello of another version: nothing but that is known of it. */
  | { readonly type: 'foreign'; readonly version: number }
  /** The bytes are a view of the chunk they came in. */
  | { readonly type: 'item'; readonly bytes: Uint8Array }
  | { readonly type: 'received'; readonly count: number }
  | { readonly type: 'ask'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'reply'; readonly id: number; readonly ok: boolean; readonly bytes: Uint8Array }
  /** Nothing behind it can be read either. */
  | { readonly type: 'malformed'; readonly reason: string }

const TYPES = { hello: 1, item: 2, received: 3, ask: 4, reply: 5 } as const
const LENGTH_BYTES = 4
/** Bytes in front of an item. */
export const ITEM_HEADER_BYTES = LENGTH_BYTES + 1
const EPOCH_CHARACTERS_MAX = 64
const NO_BYTES = new Uint8Array(0)

export function encodeBusHello(hello: BusHello): Uint8Array {
  const { slot, generation, attempt, epoch, about, taken, check, received } = hello
  const writer = new FieldWriter().number(BUS_VERSION).number(slot).number(generation).number(attempt)
  return enclose(
    TYPES.hello,
    writer.text(epoch).text(about).number(taken).number(check).number(received).finish(),
  )
}

export function encodeReceived(count: number): Uint8Array {
  return enclose(TYPES.received, new FieldWriter().number(count).finish())
}

export function encodeAsk(id: number, bytes: Uint8Array): Uint8Array {
  return enclose(TYPES.ask, new FieldWriter().number(id).finish(bytes))
}

export function encodeAnswer(id: number, bytes: Uint8Array | null): Uint8Array {
  const writer = new FieldWriter().number(id).byte(bytes ? 1 : 0)
  return enclose(TYPES.reply, writer.finish(bytes ?? NO_BYTES))
}

function enclose(type: number, body: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(ITEM_HEADER_BYTES + body.length)
  out.writeUInt32BE(1 + body.length)
  out[LENGTH_BYTES] = type
  out.set(body, ITEM_HEADER_BYTES)
  return out
}

/** Writes an item's envelope into a buffer that has room for it. @returns where it ends */
export function writeItem(out: Buffer, at: number, bytes: Uint8Array): number {
  out.writeUInt32BE(1 + bytes.length, at)
  out[at + LENGTH_BYTES] = TYPES.item
  out.set(bytes, at + ITEM_HEADER_BYTES)
  return at + ITEM_HEADER_BYTES + bytes.length
}

/** Bytes in any split → envelopes. Behind a malformed one nothing is read. */
export class EnvelopeReader {
  readonly #frameBytes: number
  /** Chunks not yet consumed, and how much of the first one is. */
  #chunks: Uint8Array[] = []
  #at = 0
  #size = 0
  /** Bytes without which the next envelope is not complete. */
  #needed = LENGTH_BYTES

  /** @param frameBytes largest length of type and body */
  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  /** The next envelope, or null where more bytes are needed. */
  next(): Envelope | null {
    if (this.#size < this.#needed) return null
    const bytes = this.#joined()
    if (this.#needed === LENGTH_BYTES) {
      const length = bytes.readUInt32BE(this.#at)
      if (length === 0) return malformed('an empty frame')
      if (length > this.#frameBytes) return malformed(`a frame of ${length} bytes`)
      this.#needed = LENGTH_BYTES + length
      if (this.#size < this.#needed) return null
    }
    const start = this.#at + LENGTH_BYTES
    this.#at += this.#needed
    this.#size -= this.#needed
    this.#needed = LENGTH_BYTES
    const frame = bytes.subarray(start, this.#at)
    if (this.#size === 0) {
      this.#chunks = []
      this.#at = 0
    }
    return parseEnvelope(frame)
  }

  /** Called only when an envelope's length or all of it is there: a large one is not copied once per chunk. */
  #joined(): Buffer {
    const [first] = this.#chunks
    if (this.#chunks.length === 1) return Buffer.from(first!.buffer, first!.byteOffset, first!.byteLength)
    this.#chunks[0] = first!.subarray(this.#at)
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    this.#at = 0
    return joined
  }
}

function malformed(reason: string): Envelope {
  return { type: 'malformed', reason }
}

/** @param frame type and body, at least one byte */
function parseEnvelope(frame: Uint8Array): Envelope {
  const body = frame.subarray(1)
  // Nearly every frame is an item, and that is all there is to it.
  if (frame[0] === TYPES.item) return { type: 'item', bytes: body }
  const reader = new FieldReader(body)
  const envelope = readEnvelope(frame[0]!, reader)
  return reader.ok ? envelope : malformed(`a frame of type ${frame[0]} cut short`)
}

function readEnvelope(type: number, reader: FieldReader): Envelope {
  switch (type) {
    case TYPES.hello:
      return readHello(reader)
    case TYPES.received: {
      const count = reader.number()
      return reader.done ? { type: 'received', count } : malformed('received with more than a count')
    }
    case TYPES.ask: {
      const id = reader.number()
      return { type: 'ask', id, bytes: reader.tailBytes() }
    }
    case TYPES.reply: {
      const id = reader.number()
      const ok = reader.byte() === 1
      return { type: 'reply', id, ok, bytes: reader.tailBytes() }
    }
    default:
      return malformed(`a frame of unknown type ${type}`)
  }
}

function readHello(reader: FieldReader): Envelope {
  const version = reader.number()
  if (reader.ok && version !== BUS_VERSION) return { type: 'foreign', version }
  const slot = reader.number()
  const generation = reader.number()
  const attempt = reader.number()
  const epoch = reader.text()
  const about = reader.text()
  const taken = reader.number()
  const check = reader.number()
  const received = reader.number()
  const fits =
    epoch.length > 0 && epoch.length <= EPOCH_CHARACTERS_MAX && about.length <= EPOCH_CHARACTERS_MAX
  if (!reader.done || !fits || received > taken) return malformed('a hello that makes no sense')
  return { type: 'hello', hello: { slot, generation, attempt, epoch, about, taken, check, received } }
}

/** Says why a frame that does not belong here ends the connection. */
export function faultOf(envelope: Envelope): string {
  if (envelope.type === 'malformed') return envelope.reason
  return envelope.type === 'foreign'
    ? `it speaks version ${envelope.version}`
    : `${envelope.type} out of place`
}
