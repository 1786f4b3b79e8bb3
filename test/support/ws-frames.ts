/** RFC 6455 frames by hand, for peers that must decide about every byte themselves. No extensions. */
import { randomBytes } from 'node:crypto'

export interface WsFrame {
  /** 1 text, 2 binary, 8 close, 9 ping, 10 pong */
  readonly opcode: number
  readonly payload: Buffer
}

/** One masked frame, as clients must send them. */
export function clientFrame(
  payload: string | Uint8Array,
  opcode = typeof payload === 'string' ? 1 : 2,
): Buffer {
  const data = Buffer.from(payload as string)
  const mask = randomBytes(4)
  const masked = data.map((byte, i) => byte ^ mask[i & 3]!)
  return Buffer.concat([lengthHead(0x80 | opcode, data.length), mask, masked])
}

function lengthHead(first: number, length: number): Buffer {
  if (length < 126) return Buffer.from([first, 0x80 | length])
  if (length < 65536) return Buffer.from([first, 0x80 | 126, length >> 8, length & 255])
  const head = Buffer.alloc(10)
  head[0] = first
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}

/** The first whole frame of what a server sent, and what is behind it; null while it is incomplete. */
export function parseServerFrame(bytes: Buffer): { frame: WsFrame; rest: Buffer } | null {
  if (bytes.length < 2) return null
  const short = bytes[1]! & 127
  const head = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < head) return null
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < head + length) return null
  const payload = bytes.subarray(head, head + length)
  return { frame: { opcode: bytes[0]! & 15, payload }, rest: bytes.subarray(head + length) }
}
