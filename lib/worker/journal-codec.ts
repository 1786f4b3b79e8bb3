/**
 * Records as bytes. The table names every field of every record, and the compiler holds it against their types; codes
 * are for ever, a changed shape is a new version of the journal.
 */
import type { FieldReader, FieldWriter } from '../bus/fields.ts'
import { type Data, Frame } from '../wire/frames.ts'
import type { CheckpointRecord } from './checkpoint.ts'
import type { StateRecord } from './record.ts'

export type JournalRecord = StateRecord | CheckpointRecord

/** How a value is written: the type decides. */
type Kind<V> = [V] extends [boolean]
  ? 'flag'
  : [V] extends [number]
    ? 'number'
    : [V] extends [string]
      ? 'text'
      : [V] extends [Frame]
        ? 'frame'
        : [Data] extends [V]
          ? 'data'
          : [V] extends [readonly Frame[]]
            ? 'frames'
            : 'json'
type AnyKind = 'flag' | 'number' | 'text' | 'frame' | 'data' | 'frames' | 'json'
type Row<R extends JournalRecord> = readonly [
  code: number,
  fields: { readonly [F in Exclude<keyof R, 'type'>]: Kind<R[F]> },
]
type Table = { readonly [T in JournalRecord['type']]: Row<Extract<JournalRecord, { type: T }>> }

const TABLE: Table = {
  opened: [1, { session: 'text', keyHash: 'text', segment: 'text', address: 'text', data: 'json' }],
  attached: [2, { session: 'text', instance: 'text', attempt: 'number', received: 'number' }],
  suspended: [3, { session: 'text', at: 'number' }],
  closed: [
    4,
    {
      session: 'text',
      code: 'text',
      reason: 'text',
      says: 'text',
      taken: 'number',
      tombstoneUntil: 'number',
    },
  ],
  forgotten: [5, { keyHash: 'text' }],
  sent: [6, { session: 'text', frame: 'frame' }],
  received: [7, { session: 'text', count: 'number' }],
  handled: [8, { session: 'text', number: 'number', crc: 'number' }],
  attempted: [9, { session: 'text', number: 'number' }],
  updated: [10, { session: 'text', patch: 'json' }],
  joining: [11, { session: 'text', room: 'text', home: 'number', data: 'json', watches: 'flag' }],
  left: [12, { session: 'text', room: 'text', home: 'number' }],
  joined: [13, { session: 'text', room: 'text', number: 'number' }],
  unanswered: [14, { session: 'text', room: 'text' }],
  delivered: [15, { room: 'text', number: 'number', frame: 'frame', except: 'json' }],
  published: [16, { room: 'text', home: 'number', data: 'data', except: 'json', volatile: 'flag' }],
  ordered: [17, { room: 'text', frame: 'frame', except: 'json', at: 'number' }],
  passed: [18, { room: 'text', data: 'data', except: 'json', slots: 'json' }],
  homeJoined: [19, { room: 'text', session: 'text', slot: 'number', data: 'json', watches: 'flag' }],
  homeLeft: [20, { room: 'text', session: 'text' }],
  itemTaken: [21, { from: 'number', number: 'number', check: 'number' }],
  itemsReceived: [22, { to: 'number', count: 'number' }],
  peerMet: [23, { slot: 'number', epoch: 'text' }],
  peerReset: [24, { slot: 'number' }],
  peerCut: [25, { slot: 'number', after: 'number' }],
  renewing: [26, { session: 'text', room: 'text', home: 'number', data: 'json', watches: 'flag' }],
  noticed: [27, { room: 'text', frame: 'frame' }],
  homeOpened: [28, { room: 'text', epoch: 'text' }],
  homeRenewed: [29, { room: 'text', session: 'text', data: 'json', watches: 'flag' }],
  spared: [30, { session: 'text' }],
  session: [
    64,
    {
      session: 'text',
      keyHash: 'text',
      segment: 'text',
      address: 'text',
      data: 'json',
      since: 'number',
      opened: 'flag',
      handled: 'number',
      handledCheck: 'number',
      instance: 'text',
      attempt: 'number',
      rare: 'json',
      base: 'number',
      baseCheck: 'number',
      frames: 'frames',
    },
  ],
  tombstone: [
    65,
    {
      keyHash: 'text',
      session: 'text',
      code: 'text',
      reason: 'text',
      says: 'text',
      handled: 'number',
      taken: 'number',
      until: 'number',
    },
  ],
  home: [
    66,
    {
      room: 'text',
      epoch: 'text',
      last: 'number',
      members: 'json',
      numbers: 'json',
      times: 'json',
      frames: 'frames',
    },
  ],
  peer: [
    67,
    {
      slot: 'number',
      received: 'number',
      receivedCheck: 'number',
      epoch: 'text',
      base: 'number',
      baseCheck: 'number',
      frames: 'frames',
    },
  ],
}

interface Shape {
  readonly type: string
  readonly code: number
  readonly fields: readonly (readonly [name: string, kind: AnyKind])[]
}

const SHAPES = Object.entries(TABLE).map(
  ([type, [code, fields]]): Shape => ({ type, code, fields: Object.entries(fields) as [string, AnyKind][] }),
)
const BY_TYPE = new Map(SHAPES.map((shape) => [shape.type, shape]))
const BY_CODE = new Map(SHAPES.map((shape) => [shape.code, shape]))

/** Frames that a checkpoint has named already: a room message stands in many outboxes and is written once. */
export type FramesSeen = Map<Frame, number>

export function writeRecord(out: FieldWriter, record: JournalRecord, seen: FramesSeen | null): void {
  const shape = BY_TYPE.get(record.type)!
  out.byte(shape.code)
  const values = record as unknown as Readonly<Record<string, unknown>>
  for (const [name, kind] of shape.fields) writeValue(out, kind, values[name], seen)
}

function writeValue(out: FieldWriter, kind: AnyKind, value: unknown, seen: FramesSeen | null): void {
  switch (kind) {
    case 'text':
      return void out.text(value as string)
    case 'number':
      return void out.number(value as number)
    case 'flag':
      return void out.byte(value ? 1 : 0)
    case 'frame':
      return void out.data((value as Frame).data)
    case 'data':
      return void out.data(value as Data)
    case 'json':
      return void out.text(JSON.stringify(value))
    case 'frames': {
      out.number((value as Frame[]).length)
      for (const frame of value as Frame[]) writeShared(out, frame, seen!)
    }
  }
}

/** 0 and the frame, or the place of one that was written before, from 1. */
function writeShared(out: FieldWriter, frame: Frame, seen: FramesSeen): void {
  const place = seen.get(frame)
  out.number(place ?? 0)
  if (place !== undefined) return
  seen.set(frame, seen.size + 1)
  out.data(frame.data)
}

/** Null where the bytes are no record. @param seen frames of the checkpoint so far, in order */
export function readRecord(bytes: FieldReader, seen: Frame[] | null): JournalRecord | null {
  const shape = BY_CODE.get(bytes.byte())
  if (!shape) return null
  const record: Record<string, unknown> = { type: shape.type }
  for (const [name, kind] of shape.fields) record[name] = readValue(bytes, kind, seen)
  return bytes.ok ? (record as unknown as JournalRecord) : null
}

function readValue(bytes: FieldReader, kind: AnyKind, seen: Frame[] | null): unknown {
  switch (kind) {
    case 'text':
      return bytes.text()
    case 'number':
      return bytes.number()
    case 'flag':
      return bytes.byte() === 1
    case 'frame':
      return new Frame(bytes.data())
    case 'data':
      return bytes.data()
    case 'json':
      return readJson(bytes)
    case 'frames': {
      const frames: Frame[] = []
      for (let left = bytes.number(); left > 0 && bytes.ok; left--) {
        const place = bytes.number()
        const frame = place === 0 ? new Frame(bytes.data()) : seen?.[place - 1]
        if (place === 0) seen?.push(frame!)
        if (!frame) return bytes.fail()
        frames.push(frame)
      }
      return frames
    }
  }
}

// What most records have.
const NO_LIST = Object.freeze([])
const NO_DATA = Object.freeze({})

/** Frozen throughout, as the application's data was. */
function readJson(bytes: FieldReader): unknown {
  const text = bytes.text()
  if (text === '[]') return NO_LIST
  if (text === '{}') return NO_DATA
  try {
    return JSON.parse(text, (_key, value: unknown) => Object.freeze(value)) as unknown
  } catch {
    return bytes.fail()
  }
}
