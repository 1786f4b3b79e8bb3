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

/** `length`: of the WebSocket payload, Engine.IO's packet type included. */
function sizeOf(frame: Data | Frame): { readonly data: Data; readonly length: number } {
  const data = frame instanceof Frame ? frame.data : frame
  if (typeof data !== 'string') return { data, length: data.length }
  return { data, length: 1 + (frame instanceof Frame ? frame.size : Buffer.byteLength(data)) }
}

function writeLength(out: Buffer, at: number, length: number): void {
  if (length < 126) out[at] = length
  else if (length < 65536) {
    out[at] = 126
    out.writeUInt16BE(length, at + 1)
  } else {
    out[at] = 127
    out.writeBigUInt64BE(BigInt(length), at + 1)
  }
}

/** @returns where the next frame begins */
function writeFrame(out: Buffer, at: number, data: Data, length: number): number {
  const text = typeof data === 'string'
  out[at] = text ? TEXT : BINARY
  const body = at + headerSize(length)
  writeLength(out, at + 1, length)
  if (text) {
    out[body] = MESSAGE
    out.write(data, body + 1, 'utf8')
  } else out.set(data, body)
  return body + length
}

/**
 * All frames in one buffer: two would cost a writev. It is kept nowhere but on its way to the socket: a frame that
 * waits for a client is held once.
 */
export function encodeFrames(frames: readonly (Data | Frame)[]): Uint8Array {
  let total = 0
  for (const frame of frames) {
    const { length } = sizeOf(frame)
    total += headerSize(length) + length
  }
  const out = Buffer.allocUnsafe(total)
  let at = 0
  for (const frame of frames) {
    const { data, length } = sizeOf(frame)
    at = writeFrame(out, at, data, length)
  }
  return out
}

/** One text message that is no frame of a session: its Engine.IO packet type stands in `text`. */
export function encodeText(text: string): Uint8Array {
  const body = Buffer.from(text)
  const size = headerSize(body.length)
  const out = Buffer.allocUnsafe(size + body.length)
  out[0] = TEXT
  writeLength(out, 1, body.length)
  out.set(body, size)
  return out
}

/** RFC 6455, 5.5: at most 125 bytes. */
function encodeControl(opcode: number, data: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(2 + data.length)
  out[0] = 0x80 | opcode
  out[1] = data.length
  out.set(data, 2)
  return out
}

/** @param code null: none is given */
export function encodeClosing(code: number | null): Uint8Array {
  return encodeControl(8, code === null ? Buffer.alloc(0) : Buffer.of(code >> 8, code & 0xff))
}

/** @param ping what the ping said */
export function encodePong(ping: Uint8Array): Uint8Array {
  return encodeControl(10, ping)
}

export function encodeBundle(bundle: Bundle): Uint8Array {
  bundle.encoded ??= encodeFrames(bundle.frames())
  return bundle.encoded
}
