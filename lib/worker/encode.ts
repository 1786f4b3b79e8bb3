/**
 * Frames as bytes on a WebSocket: RFC 6455 framing of an Engine.IO 4 message. Server to client, so unmasked, and
 * without compression, so one encoding serves every member of a room.
 */
import { type Data, Frame } from '../wire/frames.ts'
import type { Bundle } from './bundle.ts'

const TEXT = 0x81
const BINARY = 0x82
/** Engine.IO's packet type of a text message; a binary message is bare. */
const MESSAGE = 0x34

function headerSize(length: number): number {
  if (length < 126) return 2
  return length < 65536 ? 4 : 10
}

/** Header and body in one buffer: two buffers would cost a writev. */
function encodeData(data: Data, size: number): Buffer {
  const text = typeof data === 'string'
  const length = text ? size + 1 : size
  const head = headerSize(length)
  const out = Buffer.allocUnsafeSlow(head + length)
  out[0] = text ? TEXT : BINARY
  if (head === 2) out[1] = length
  else if (head === 4) {
    out[1] = 126
    out.writeUInt16BE(length, 2)
  } else {
    out[1] = 127
    out.writeBigUInt64BE(BigInt(length), 2)
  }
  if (text) {
    out[head] = MESSAGE
    out.write(data, head + 1, 'utf8')
  } else out.set(data, head)
  return out
}

export function encodeFrame(frame: Data | Frame): Uint8Array {
  if (frame instanceof Frame) {
    frame.encoded ??= encodeData(frame.data, frame.size)
    return frame.encoded
  }
  return encodeData(frame, typeof frame === 'string' ? Buffer.byteLength(frame) : frame.length)
}

export function encodeFrames(frames: readonly (Data | Frame)[]): Uint8Array {
  if (frames.length === 1) return encodeFrame(frames[0]!)
  return Buffer.concat(frames.map(encodeFrame))
}

export function encodeBundle(bundle: Bundle): Uint8Array {
  bundle.encoded ??= encodeFrames(bundle.frames())
  return bundle.encoded
}
