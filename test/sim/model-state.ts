/**
 * The whole state of a model: kept, restored in place, and written down so that two states in which the same can
 * happen read the same. Works on the real machines once model-open.ts has made their private fields plain.
 */
import type { Standing } from '../../lib/client/standing.ts'
import { Frame } from '../../lib/wire/frames.ts'
import { Bundle } from '../../lib/worker/bundle.ts'
import { Deadlines } from '../../lib/worker/deadlines.ts'
import type { Session } from '../../lib/worker/session.ts'
import { codecOf } from './model-codec.ts'

/** What a state is made of. */
export type Memento = readonly Content[]

/** What an object held for a while: its fields, its elements, or keys and values in turn. */
interface Content {
  readonly object: Kept
  readonly values: readonly unknown[]
  /** Those of them that are kept as well. */
  readonly parts: readonly Kept[]
  /** The same in writing, once it was asked for. */
  pieces: readonly Piece[] | null
  /** When it was last come across. */
  visit: number
  place: number
}

/** Most objects are as they were in the state before. */
const LATELY = Symbol('lately')
type Kept = { [LATELY]?: Content }
let visits = 0

/**
 * Fields that are not written down, because no move depends on them: times, since every deadline passes by a move of
 * its own (whether something is owed is written); what follows from the messages, which are written; where in its
 * array an outbox begins; the notes of a turn that are empty between two, or follow from the outboxes.
 */
const UNWRITTEN = new Set([
  ...['now', 'until', 'due', 'open_now', 'acknowledgeQueued'],
  ...['crc', 'size', 'bytes', 'takenBytes', 'open_bytes', 'open_messages', 'open_head'],
  ...['root', 'open_records', 'names'],
])

export function keep(root: object): Memento {
  visits += 1
  const memento = [contentOf(root)]
  memento[0]!.visit = visits
  for (const { parts } of memento) {
    for (const part of parts) {
      const content = contentOf(part)
      if (content.visit === visits) continue
      content.visit = visits
      memento.push(content)
    }
  }
  return memento
}

/** Objects made since are no longer reachable. */
export function restore(memento: Memento): void {
  for (const content of memento) {
    const { object, values } = content
    const codec = codecOf(object)
    if (!codec.holds(object, values)) codec.write(object, values)
    object[LATELY] = content
  }
}

/** The same one as long as nothing changes. */
function contentOf(object: Kept): Content {
  const codec = codecOf(object)
  const before = object[LATELY]
  // A spread copies this note too.
  if (before?.object === object && codec.holds(object, before.values)) return before
  const values = codec.read(object)
  const parts = values.filter(
    (value): value is Kept => typeof value === 'object' && value !== null && !isValue(value),
  )
  const content = { object, values, parts, pieces: null, visit: 0, place: 0 }
  object[LATELY] = content
  return content
}

/** Shared, and never changed. */
function isValue(value: object): boolean {
  return value instanceof Frame || value instanceof Uint8Array || Object.isFrozen(value)
}

/** A word stands for its text; a name has meaning only by what else has it, an attempt by others of its instance. */
type Piece = Word | Name | Attempt | Kept

class Word {
  readonly low: number
  readonly high: number

  constructor(text: string) {
    let [low, high] = [0, 0]
    for (let i = 0; i < text.length; i++) {
      low = mixed(low, text.charCodeAt(i))
      high = mixed(high, ~text.charCodeAt(i))
    }
    this.low = low
    this.high = high
  }
}

class Name {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

class Attempt {
  readonly instance: string
  readonly number: number

  constructor(text: string) {
    const [, instance, number] = text.split('.')
    this.instance = instance!
    this.number = Number(number)
  }
}

/**
 * 64 bits of what the state kept last means. Names (`S1_` sessions, `K1_` keys, `L1_` links) count by their first
 * appearance, attempts (`A.page.1_`) by their order: neither a name nor how many attempts there were matters.
 */
export function digest([root]: Memento): string {
  visits += 1
  let [low, high] = [0, 0]
  const mix = (a: number, b: number): void => {
    low = mixed(low, a)
    high = mixed(high, b)
  }
  const names: string[] = []
  const attempts: Attempt[] = []
  const contents = [root!]
  root!.visit = visits
  root!.place = 0
  for (const content of contents) {
    content.pieces ??= write(content)
    for (const piece of content.pieces) {
      if (piece instanceof Word) mix(piece.low, piece.high)
      else if (piece instanceof Attempt) attempts.push(piece)
      else if (piece instanceof Name) {
        if (!names.includes(piece.text)) names.push(piece.text)
        mix(names.indexOf(piece.text), -1)
      } else {
        const part = piece[LATELY]!
        if (part.visit !== visits) {
          part.visit = visits
          part.place = contents.push(part) - 1
        }
        mix(part.place, part.place)
      }
    }
  }
  for (const { instance, number } of attempts) {
    let rank = 0
    for (let n = 0; n < number; n++)
      if (attempts.some((other) => other.number === n && other.instance === instance)) rank += 1
    mix(rank, -2)
  }
  return String.fromCharCode(low & 0xffff, low >>> 16, high & 0xffff, high >>> 16)
}

function mixed(hash: number, value: number): number {
  const product = Math.imul(hash ^ value, 0x9e3779b1)
  return ((product ^ (product >>> 15)) + 0x7f4a7c15) | 0
}

function write(content: Content): readonly Piece[] {
  const { object, values } = content
  const pieces: Piece[] = []
  let text = '{'
  const { names } = codecOf(object)
  const isEntries = object.constructor === Object
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const name = names ? names[i]! : isEntries && i % 2 === 1 ? String(values[i - 1]) : ''
    // An outbox leaves holes where something was.
    const isHole = value === undefined && Array.isArray(object)
    if (isHole || UNWRITTEN.has(name)) continue
    if (typeof value === 'object' && value !== null && !isValue(value) && !(value instanceof Bundle)) {
      if (value instanceof Deadlines) continue
      pieces.push(...named(text), value)
      text = ''
    } else text += `${wordOf(name, value, instanceOf(content, i, name))},`
  }
  pieces.push(...named(`${text}}`))
  return pieces
}

function wordOf(name: string, value: unknown, instance: string): string {
  if (typeof value === 'function') return ''
  if (value instanceof Bundle) return String(value.count)
  if (value instanceof Frame) return String(value.data)
  if (typeof value === 'string')
    return value.startsWith('h{') ? value.replace(/"instance":"(\w+)","attempt":(\d+)/, 'A.$1.$2_') : value
  if (typeof value !== 'number') return String(value)
  if (name === 'dueAt') return value === Number.POSITIVE_INFINITY ? 'never' : 'then'
  // 0 in a journal: not at all.
  if (name === 'since') return value === 0 ? 'never' : 'then'
  if (instance !== '') return `A.${instance}.${value}_`
  return name === 'link' || name === 'id' ? `L${value}_` : String(value)
}

/** Whose attempt the number in this field is, if it is one. */
function instanceOf({ object, values }: Content, i: number, name: string): string {
  if (name === 'attempt') return (object as Session).instance
  if (name === 'open_attempt') return (object as Standing).options.instance
  // No other maps and pairs have numbers.
  const isEntry = object instanceof Map || (Array.isArray(object) && values.length === 2)
  const before = isEntry && i % 2 === 1 ? values[i - 1] : ''
  return typeof before === 'string' ? before.replace(/^S\d+_/, '') : ''
}

function named(text: string): Piece[] {
  if (!text.includes('_')) return [new Word(text)]
  return text.split(/([SKL]\d+|A\.\w+\.\d+)_/g).map((part, i) => {
    if (i % 2 === 0) return new Word(part)
    return part.startsWith('A') ? new Attempt(part) : new Name(part)
  })
}
