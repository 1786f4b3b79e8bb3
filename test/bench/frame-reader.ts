/**
 * Frames of a server's WebSocket stream, by their heads: large ones are counted and skipped, so that counting a delivery
 * costs no more than reading two bytes; all others come whole.
 */

/** Payloads from here on are deliveries, below it is all that a server says beside them. */
export const LARGE = 64

export interface FrameEvents {
  /** A payload that nobody looks at. */
  large(bytes: number): void
  /** Valid until it returns. */
  whole(payload: Buffer, opcode: number): void
}

const NOTHING: Buffer = Buffer.alloc(0)

export class FrameReader {
  /** Payloads of so many bytes are skipped. */
  threshold = Number.POSITIVE_INFINITY
  readonly #events: FrameEvents
  /** Of a large payload, not yet here. */
  #skip = 0
  /** An incomplete head, or an incomplete frame that is to come whole. */
  #rest = NOTHING

  constructor(events: FrameEvents) {
    this.#events = events
  }

  /** @param chunk may be overwritten behind this call */
  push(chunk: Buffer): void {
    let bytes = chunk
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, chunk])
      this.#rest = NOTHING
    }
    const end = bytes.length
    let at = Math.min(this.#skip, end)
    this.#skip -= at
    while (at < end) {
      const frame = this.#frame(bytes, at)
      if (frame === 0) {
        this.#rest = Buffer.from(bytes.subarray(at))
        return
      }
      at += frame
    }
    this.#skip += at - end
  }

  /** @returns its length, which may reach behind `bytes` where it is skipped; 0 while it is incomplete */
  #frame(bytes: Buffer, at: number): number {
    const left = bytes.length - at
    if (left < 2) return 0
    const short = bytes[at + 1]! & 127
    const head = short < 126 ? 2 : short === 126 ? 4 : 10
    if (left < head) return 0
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
    if (length >= this.threshold) this.#events.large(length)
    else if (left < head + length) return 0
    else this.#events.whole(bytes.subarray(at + head, at + head + length), bytes[at]! & 15)
    return head + length
  }
}

/** A client's frame. The mask is zero: masking it costs nothing, and the server sees a valid frame. */
export function clientFrame(text: string, opcode = 1): Buffer {
  const length = Buffer.byteLength(text)
  const head = length < 126 ? 6 : 8
  if (length > 65535) throw new RangeError('a frame this large is never sent here')
  const frame = Buffer.alloc(head + length)
  frame[0] = 0x80 | opcode
  if (length < 126) frame[1] = 0x80 | length
  else {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(length, 2)
  }
  frame.write(text, head)
  return frame
}
