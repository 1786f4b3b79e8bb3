/** What an application sends, checked and encoded: one place for names, JSON and size. */
import { LimpetError } from '../wire/codes.ts'
import { type Data, encodeEvent, encodeVolatile, Frame, isEventName } from '../wire/frames.ts'

/** The client's own events (contract: reserved names). */
const RESERVED = new Set(['state', 'connect', 'suspend', 'resume', 'discontinuity', 'progress', 'close'])

export type EventKind = 'event' | 'question' | 'volatile'

/** Throws LimpetError: `name_invalid`, `arguments_invalid`, `payload_too_large`. */
export function frameOf(kind: EventKind, name: string, args: unknown[], payloadBytes: number): Frame {
  if (!isEventName(name) || RESERVED.has(name)) throw new LimpetError('name_invalid')
  const frame = new Frame(encode(kind, name, args))
  if (frame.size > payloadBytes) {
    throw new LimpetError(
      'payload_too_large',
      `the message has ${frame.size} bytes, the limit is ${payloadBytes}`,
    )
  }
  return frame
}

function encode(kind: EventKind, name: string, args: unknown[]): Data {
  try {
    return kind === 'volatile' ? encodeVolatile(name, args) : encodeEvent(name, args, kind === 'question')
  } catch (error) {
    throw new LimpetError('arguments_invalid', `the arguments cannot be sent: ${(error as Error).message}`)
  }
}

/**
 * A JSON object of its own, frozen throughout, so that nobody can change it past its records.
 * Throws LimpetError `arguments_invalid` for anything else, `payload_too_large` past the payload limit.
 */
export function jsonObject(value: unknown, payloadBytes: number): Record<string, unknown> {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new LimpetError('arguments_invalid', `session data must be JSON: ${(error as Error).message}`)
  }
  if (text === undefined || !text.startsWith('{'))
    throw new LimpetError('arguments_invalid', 'session data must be a JSON object')
  if (Buffer.byteLength(text) > payloadBytes)
    throw new LimpetError('payload_too_large', 'session data is larger than the payload limit')
  return JSON.parse(text, (_key, value: unknown) => Object.freeze(value)) as Record<string, unknown>
}
