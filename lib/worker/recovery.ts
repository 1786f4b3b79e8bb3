/** What a journal's file comes to: the state as it was after the last turn that is intact. */
import fs from 'node:fs'
import { FieldReader } from '../bus/fields.ts'
import type { Frame } from '../wire/frames.ts'
import { apply } from './apply.ts'
import { Bundle } from './bundle.ts'
import { type CheckpointRecord, restore } from './checkpoint.ts'
import { type Block, BlockReader, type Tail } from './journal-blocks.ts'
import { type JournalRecord, readRecord } from './journal-codec.ts'
import type { About } from './journal-file.ts'
import type { StateRecord } from './record.ts'
import type { WorkerState } from './state.ts'

export type Recovery =
  | { readonly kind: 'none' }
  | Recovered
  /** Not ours to touch: another version, or no journal at all. One sentence. */
  | { readonly kind: 'foreign'; readonly reason: string }

export interface Recovered {
  readonly kind: 'recovered'
  readonly about: About
  /** Of the last turn. */
  readonly time: number
  readonly tail: Tail
  /** Bytes that are intact, and those behind them that are not. */
  readonly size: number
  readonly dropped: number
  readonly checkpointSize: number
  readonly records: number
}

/** Reads the file into an empty state. Throws where the disk fails. */
export function recover(path: string, state: WorkerState): Recovery {
  let fd: number
  try {
    fd = fs.openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' }
    throw error
  }
  try {
    return new Replay(path, fd, state).run()
  } finally {
    fs.closeSync(fd)
  }
}

class Replay {
  readonly #path: string
  readonly #state: WorkerState
  readonly #reader: BlockReader
  readonly #fileSize: number
  readonly #frames: Frame[] = []
  #tail: Tail | null = null
  #time = 0
  #records = 0

  constructor(path: string, fd: number, state: WorkerState) {
    this.#path = path
    this.#state = state
    this.#fileSize = fs.fstatSync(fd).size
    this.#reader = new BlockReader(fd, this.#fileSize)
  }

  run(): Recovery {
    // A loss of power behind the rename of the first file.
    if (this.#fileSize === 0) return { kind: 'none' }
    if (!this.#reader.genuine)
      return { kind: 'foreign', reason: `${this.#path} is no journal of this version; it was left untouched` }
    const about = this.#about()
    const { limits } = this.#state
    if (about) this.#state.limits = about.limits
    if (!about)
      return { kind: 'foreign', reason: `${this.#path} is damaged at its beginning; it was left untouched` }
    // Of half a checkpoint nothing fits together: its sessions end.
    const checkpoint = this.#checkpoint()
    for (const record of checkpoint ?? []) restore(this.#state, record)
    const checkpointSize = this.#reader.position
    this.#time = about.time
    let size = checkpointSize
    if (!checkpoint) this.#tail = 'damaged'
    for (let block = checkpoint && this.#reader.next(); block; block = this.#reader.next()) {
      if (block.kind !== 'turn' || !this.#turn(block)) {
        this.#tail = 'damaged'
        break
      }
      size = block.end
    }
    this.#state.limits = limits
    forgetProcess(this.#state)
    return {
      kind: 'recovered',
      about,
      time: this.#time,
      tail: this.#tail ?? this.#reader.tail,
      size,
      dropped: this.#fileSize - size,
      checkpointSize,
      records: this.#records,
    }
  }

  #about(): About | null {
    const block = this.#reader.next()
    if (block?.kind !== 'about') return null
    const text = new FieldReader(block.body).text()
    // Checked by its block, written by this program.
    return JSON.parse(text) as About
  }

  /** Null where it is not whole. */
  #checkpoint(): CheckpointRecord[] | null {
    const records: CheckpointRecord[] = []
    for (let block = this.#reader.next(); block; block = this.#reader.next()) {
      if (block.kind === 'whole') return records
      if (block.kind !== 'part') return null
      const fields = new FieldReader(block.body)
      while (!fields.atEnd) {
        const record = readRecord(fields, this.#frames)
        if (!record) return null
        records.push(record as CheckpointRecord)
      }
    }
    return null
  }

  /** All of it or nothing. */
  #turn({ body }: Block): boolean {
    const fields = new FieldReader(body)
    const time = fields.number()
    const records: JournalRecord[] = []
    while (!fields.atEnd) {
      const record = readRecord(fields, null)
      if (!record) return false
      records.push(record)
    }
    for (const record of records) apply(this.#state, record as StateRecord)
    this.#state.root = new Bundle(null, null)
    this.#time = time
    this.#records += records.length
    return true
  }
}

/** Notes of turns that are long over. */
function forgetProcess(state: WorkerState): void {
  for (const session of state.dirty) session.dirty = false
  state.dirty = []
  state.overflowed = state.overflowed.filter((session) => !session.closed)
}
