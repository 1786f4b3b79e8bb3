/**
 * The items of the streams between workers: rooms as durability.md orders them. A frame travels as it was encoded by
 * the publisher, so it is the same frame for every member.
 *
 * | item | bytes behind the kind |
 * |---|---|
 * | publish | flags, room, except, frame |
 * | message | flags, number, room, except, frame |
 * | join, renew | flags, room, session, data as JSON |
 * | leave | room, session |
 * | joined | number, room, session |
 * | notice | room, frame |
 * | cut | |
 */
import { type Data, Frame } from '../wire/frames.ts'
import { checksumOfItem } from './check.ts'
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
  /** To the home: `join` for a session that wants to be a member, `renew` for one that is, or will be by then. */
  | {
      readonly kind: 'join' | 'renew'
      readonly room: string
      readonly session: string
      /** What of the session's data others may see. */
      readonly data: Readonly<Record<string, unknown>>
      /** It is told who comes and goes. */
      readonly watches: boolean
    }
  /** To the home. */
  | { readonly kind: 'leave'; readonly room: string; readonly session: string }
  /** From the home to the member's slot: a member from message `number` on. */
  | { readonly kind: 'joined'; readonly room: string; readonly session: string; readonly number: number }
  /** From the home to a slot with members that watch: an event for those. It has no place of its own in the room. */
  | { readonly kind: 'notice'; readonly room: string; readonly frame: string }
  /** From a home: messages before it were taken back, and none of the slot's sessions is a member of rooms there. */
  | { readonly kind: 'cut' }

const KINDS = { publish: 1, join: 2, leave: 3, message: 4, joined: 5, cut: 6, renew: 7, notice: 8 } as const
const KIND_NAMES = Object.keys(KINDS) as Item['kind'][]

const VOLATILE = 1
/** The frame is bytes, not text. */
const BINARY = 2
/** Of join and renew. */
const WATCHES = 1

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
    case 'renew':
      return writer
        .byte(item.watches ? WATCHES : 0)
        .text(item.room)
        .text(item.session)
        .finish(JSON.stringify(item.data))
    case 'leave':
      return writer.text(item.room).text(item.session).finish()
    case 'joined':
      return writer.number(item.number).text(item.room).text(item.session).finish()
    case 'notice':
      return writer.text(item.room).finish(item.frame)
    case 'cut':
      return writer.finish()
  }
}

export function frameOfItem(item: Item): Frame {
  const bytes = encodeItem(item)
  return new Frame(bytes, checksumOfItem(bytes))
}

/** Of an item that `encodeItem` made, without reading the rest of it. */
export function kindOfItem(bytes: Uint8Array): Item['kind'] {
  return KIND_NAMES[bytes[0]! - 1]!
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
  const kind = reader.byte()
  switch (kind) {
    case KINDS.publish: {
      const flags = readFlags(reader, VOLATILE | BINARY)
      const room = reader.text()
      return { kind: 'publish', room, ...readFrame(reader, flags) }
    }
    case KINDS.message: {
      const flags = readFlags(reader, VOLATILE | BINARY)
      const number = reader.number()
      const room = reader.text()
      return { kind: 'message', room, number, ...readFrame(reader, flags) }
    }
    case KINDS.join:
    case KINDS.renew: {
      const watches = readFlags(reader, WATCHES) === WATCHES
      const room = reader.text()
      const session = reader.text()
      const data = parseObject(reader.tailText())
      return data && { kind: kind === KINDS.join ? 'join' : 'renew', room, session, data, watches }
    }
    case KINDS.leave:
      return { kind: 'leave', room: reader.text(), session: reader.text() }
    case KINDS.joined: {
      const number = reader.number()
      return { kind: 'joined', room: reader.text(), session: reader.text(), number }
    }
    case KINDS.notice:
      return { kind: 'notice', room: reader.text(), frame: reader.tailText() }
    case KINDS.cut:
      return { kind: 'cut' }
    default:
      return null
  }
}

function readFlags(reader: FieldReader, known: number): number {
  const flags = reader.byte()
  if (flags > known) reader.ok = false
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
