/** What a worker asks the home of a room, and the replies: the bytes of `Bus.ask`. */
import type { Data } from '../wire/frames.ts'
import { FieldReader, FieldWriter } from './fields.ts'

export type Question =
  | { readonly kind: 'count'; readonly room: string }
  | { readonly kind: 'members'; readonly room: string }
  /** The last `limit` messages with numbers below `before`. */
  | { readonly kind: 'history'; readonly room: string; readonly limit: number; readonly before: number }

export interface ReplyMember {
  readonly id: string
  readonly data: Readonly<Record<string, unknown>>
}

export interface ReplyEntry {
  /** Its place in the room's order. */
  readonly number: number
  readonly frame: Data
}

export type Reply =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'members'; readonly members: readonly ReplyMember[] }
  | {
      readonly kind: 'history'
      /** Name of the home's memory of the room; empty where it has none. */
      readonly epoch: string
      /** What came before these: more is kept, nothing ever came, or it is kept no longer. */
      readonly earlier: Earlier
      /** Oldest first. */
      readonly entries: readonly ReplyEntry[]
    }
  /** The home has no answer, for the reason that the code says. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }

export type Earlier = 'more' | 'none' | 'forgotten'

const EARLIER = ['more', 'none', 'forgotten'] as const
const KINDS = { count: 1, members: 2, history: 3, refused: 4 } as const
const TEXT = 0
const BINARY = 1

export function encodeQuestion(question: Question): Uint8Array {
  const writer = new FieldWriter().byte(KINDS[question.kind])
  if (question.kind === 'history') writer.number(question.limit).number(question.before)
  return writer.finish(question.room)
}

/** Null where the bytes are malformed. */
export function decodeQuestion(bytes: Uint8Array): Question | null {
  const reader = new FieldReader(bytes)
  const question = readQuestion(reader)
  return reader.done ? question : null
}

function readQuestion(reader: FieldReader): Question | null {
  switch (reader.byte()) {
    case KINDS.count:
      return { kind: 'count', room: reader.tailText() }
    case KINDS.members:
      return { kind: 'members', room: reader.tailText() }
    case KINDS.history: {
      const limit = reader.number()
      const before = reader.number()
      return { kind: 'history', room: reader.tailText(), limit, before }
    }
    default:
      return null
  }
}

export function encodeReply(reply: Reply): Uint8Array {
  const writer = new FieldWriter().byte(KINDS[reply.kind])
  switch (reply.kind) {
    case 'count':
      return writer.number(reply.count).finish()
    case 'members':
      return writer.finish(JSON.stringify(reply.members.map(({ id, data }) => [id, data])))
    case 'history':
      writer.text(reply.epoch).byte(EARLIER.indexOf(reply.earlier))
      for (const { number, frame } of reply.entries) {
        writer.number(number)
        if (typeof frame === 'string') writer.byte(TEXT).text(frame)
        else writer.byte(BINARY).bytes(frame)
      }
      return writer.finish()
    case 'refused':
      return writer.text(reply.code).finish(reply.message)
  }
}

/** Null where the bytes are malformed. */
export function decodeReply(bytes: Uint8Array): Reply | null {
  const reader = new FieldReader(bytes)
  const reply = readReply(reader)
  return reader.done ? reply : null
}

function readReply(reader: FieldReader): Reply | null {
  switch (reader.byte()) {
    case KINDS.count:
      return { kind: 'count', count: reader.number() }
    case KINDS.members: {
      const members = parseMembers(reader.tailText())
      return members && { kind: 'members', members }
    }
    case KINDS.history: {
      const epoch = reader.text()
      const earlier = EARLIER[reader.byte()]
      return earlier === undefined ? null : { kind: 'history', epoch, earlier, entries: readEntries(reader) }
    }
    case KINDS.refused:
      return { kind: 'refused', code: reader.text(), message: reader.tailText() }
    default:
      return null
  }
}

function readEntries(reader: FieldReader): ReplyEntry[] {
  const entries: ReplyEntry[] = []
  while (reader.ok && !reader.done) {
    const number = reader.number()
    const type = reader.byte()
    if (type > BINARY) reader.ok = false
    else entries.push({ number, frame: type === BINARY ? reader.bytes() : reader.text() })
  }
  return entries
}

function parseMembers(text: string): ReplyMember[] | null {
  const value = parseJson(text)
  if (!Array.isArray(value)) return null
  const members: ReplyMember[] = []
  for (const entry of value as unknown[]) {
    const [id, data] = Array.isArray(entry) ? (entry as unknown[]) : []
    if (typeof id !== 'string' || typeof data !== 'object' || data === null || Array.isArray(data))
      return null
    members.push({ id, data: data as Record<string, unknown> })
  }
  return members
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
