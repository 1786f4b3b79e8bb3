/**
 * The items of the streams between workers: rooms as durability.md orders them. A frame travels as it was encoded by
 * the publisher, so it is the same frame for every member.
 *
 * | item | bytes behind the kind |
 * |---|---|
 * | publish | flags, room, except, frame |
 * | message | flags, number, room, except, frame |
 * | join | room, session, data as JSON |
 * | leave | room, session |
 * | joined | number, room, session |
 */
import type { Data } from '../wire/frames.ts'
import { FieldReader, FieldWriter } from './fields.ts'

/** To the room's home: give it its place and pass it on. */
export interface PublishItem {
  readonly kind: 'publish'
  readonly room: string
  readonly frame: Data
  /** Ids of sessions that do not get it. */
  readonly except: readonly string[]
  readonly volatile: boolean
}

/** From the home to a slot with members. */
export interface MessageItem {
  readonly kind: 'message'
  readonly room: string
  /** Its place in the room; a volatile message has none and carries that of the message before it. */
  readonly number: number
  readonly frame: Data
  readonly except: readonly string[]
  readonly volatile: boolean
}

export type Item =
  | PublishItem
  | MessageItem
  /** To the home. `data` is the session's, for `members()`. */
  | {
      readonly kind: 'join'
      readonly room: string
      readonly session: string
      readonly data: Readonly<Record<string, unknown>>
    }
  /** To the home. */
  | { readonly kind: 'leave'; readonly room: string; readonly session: string }
  /** From the home to the member's slot: a member from message `number` on. */
  | { readonly kind: 'joined'; readonly room: string; readonly session: string; readonly number: number }

const KINDS = { publish: 1, join: 2, leave: 3, message: 4, joined: 5 } as const

const VOLATILE = 1
/** The frame is bytes, not text. */
const BINARY = 2

export function encodeItem(item: Item): Uint8Array {
  const writer = new FieldWriter().byte(KINDS[item.kind])
  switch (item.kind) {
    case 'publish':
      return writer.byte(flagsOf(item)).text(item.room).texts(item.except).finish(item.frame)
    case 'message':
      return writer
        .byte(flagsOf(item))
        .number(item.number)
        .text(item.room)
        .texts(item.except)
        .finish(item.frame)
    case 'join':
      return writer.text(item.room).text(item.session).finish(JSON.stringify(item.data))
    case 'leave':
      return writer.text(item.room).text(item.session).finish()
    case 'joined':
      return writer.number(item.number).text(item.room).text(item.session).finish()
  }
}

function flagsOf(item: PublishItem | MessageItem): number {
  return (item.volatile ? VOLATILE : 0) | (typeof item.frame === 'string' ? 0 : BINARY)
}

/** Null where the bytes are malformed. */
export function decodeItem(bytes: Uint8Array): Item | null {
  const reader = new FieldReader(bytes)
  const item = readItem(reader)
  return reader.done ? item : null
}

function readItem(reader: FieldReader): Item | null {
  switch (reader.byte()) {
    case KINDS.publish: {
      const flags = readFlags(reader)
      const room = reader.text()
      return { kind: 'publish', room, ...readFrame(reader, flags) }
    }
    case KINDS.message: {
      const flags = readFlags(reader)
      const number = reader.number()
      const room = reader.text()
      return { kind: 'message', room, number, ...readFrame(reader, flags) }
    }
    case KINDS.join: {
      const room = reader.text()
      const session = reader.text()
      const data = parseObject(reader.tailText())
      return data && { kind: 'join', room, session, data }
    }
    case KINDS.leave:
      return { kind: 'leave', room: reader.text(), session: reader.text() }
    case KINDS.joined: {
      const number = reader.number()
      return { kind: 'joined', room: reader.text(), session: reader.text(), number }
    }
    default:
      return null
  }
}

function readFlags(reader: FieldReader): number {
  const flags = reader.byte()
  if (flags > (VOLATILE | BINARY)) reader.ok = false
  return flags
}

function readFrame(reader: FieldReader, flags: number): Pick<PublishItem, 'except' | 'frame' | 'volatile'> {
  const except = reader.texts()
  const frame = flags & BINARY ? reader.tailBytes() : reader.tailText()
  return { frame, except, volatile: (flags & VOLATILE) !== 0 }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
