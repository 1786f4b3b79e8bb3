/**
 * The journal of one slot: one file, a checkpoint and the turns since. When the turns outgrow the checkpoint a new file
 * is written beside it and renamed into its place, so that space of what is acknowledged or expired is used again.
 */
import fs from 'node:fs'
import { FieldWriter } from '../bus/fields.ts'
import { checkpointOf } from './checkpoint.ts'
import type { Journal } from './journal.ts'
import { BLOCK_HEAD, type BlockKind, MAGIC, sealBlock } from './journal-blocks.ts'
import { type FramesSeen, writeRecord } from './journal-codec.ts'
import type { StateRecord } from './record.ts'
import type { StateLimits, WorkerState } from './state.ts'
import type { Moment } from './state-clock.ts'

/** A checkpoint is due when the turns since the last one have as many bytes as this many of it … */
const GROWTH = 3
/** … and at least so many, … */
const TURN_BYTES_MIN = 16 * 1024 * 1024
/** … or so many records or deliveries (about 3 and 0.2 µs each to read): what bounds the time of a recovery. */
const RECORDS_MAX = 1_000_000
const DELIVERIES_MAX = 10_000_000
const PART_BYTES = 1024 * 1024
const RETRY_MS = 5000

/** What stands at a file's beginning. */
export interface About extends Moment {
  readonly slot: number
  /** Name of the memory, for the streams between workers. */
  readonly epoch: string
  /** With which the turns were applied: with others they would come to something else. */
  readonly limits: StateLimits
}

export interface JournalPorts {
  readonly path: string
  readonly state: WorkerState
  /** What a new file says of itself. */
  readonly about: () => About
  /** Of the state's clock. */
  readonly now: () => number
  /** After each write also to the disk itself, against a loss of power. */
  readonly fsync: boolean
  /** Writing failed: the sessions go on without a journal, unless this ends the process. */
  readonly failed: (error: Error) => void
  readonly worksAgain: () => void
  /** A checkpoint failed: the file goes on growing until one succeeds. */
  readonly postponed: (error: Error) => void
  /** While writing fails, a whole checkpoint is tried this often; default 5000. */
  readonly retryMs?: number
}

export class JournalFile implements Journal {
  readonly #ports: JournalPorts
  readonly #out = new FieldWriter()
  /** Null while writing fails: then there is no file, rather than a stale one. */
  #fd: number | null = null
  #size = 0
  #checkpointSize = 0
  #records = 0
  #deliveries = 0
  #retryAt = 0
  readonly #retryMs: number

  constructor(ports: JournalPorts) {
    this.#ports = ports
    this.#retryMs = ports.retryMs ?? RETRY_MS
  }

  get failing(): boolean {
    return this.#fd === null
  }

  get bytes(): number {
    return this.#size
  }

  /** Goes on behind the last intact block of an existing file; what stands behind it is cut off. */
  resume(size: number, checkpointSize: number, records = 0): void {
    const fd = fs.openSync(this.#ports.path, 'r+')
    fs.ftruncateSync(fd, size)
    this.#fd = fd
    this.#size = size
    this.#checkpointSize = checkpointSize
    this.#records = records
  }

  write(batch: readonly StateRecord[]): void {
    if (this.#fd === null) return this.#retry()
    const out = this.#begin()
    out.number(this.#ports.now())
    for (const record of batch) {
      writeRecord(out, record, null)
      this.#deliveries += this.#deliveriesOf(record)
    }
    this.#records += batch.length
    try {
      this.#seal(this.#fd, 'turn')
      if (this.#ports.fsync) fs.fdatasyncSync(this.#fd)
    } catch (error) {
      return this.#fail(this.#fd, error as Error)
    }
    const failure = this.#due ? this.checkpoint() : null
    if (failure) this.#ports.postponed(failure)
  }

  /**
   * Everything that is in the state, in a file of its own, and that in the place of the one before. Where that fails
   * the one before goes on. @returns why it failed
   */
  checkpoint(): Error | null {
    const { path, state, about, fsync } = this.#ports
    const fresh = `${path}.new`
    const before = { fd: this.#fd, size: this.#size }
    let fd: number | null = null
    try {
      fd = fs.openSync(fresh, 'w', 0o600)
      this.#size = fs.writeSync(fd, MAGIC)
      this.#begin().text(JSON.stringify(about()))
      this.#seal(fd, 'about')
      this.#writeParts(fd, state)
      if (fsync) fs.fsyncSync(fd)
      fs.renameSync(fresh, path)
    } catch (error) {
      if (fd !== null) fs.closeSync(fd)
      fs.rmSync(fresh, { force: true })
      this.#size = before.size
      this.#retryAt = performance.now() + this.#retryMs
      return error as Error
    }
    if (before.fd !== null) fs.closeSync(before.fd)
    this.#fd = fd
    this.#checkpointSize = this.#size
    this.#records = 0
    this.#deliveries = 0
    return null
  }

  #writeParts(fd: number, state: WorkerState): void {
    const seen: FramesSeen = new Map()
    const out = this.#begin()
    for (const record of checkpointOf(state)) {
      writeRecord(out, record, seen)
      if (out.size < PART_BYTES) continue
      this.#seal(fd, 'part')
      this.#begin()
    }
    this.#seal(fd, 'part')
    this.#begin()
    this.#seal(fd, 'whole')
  }

  close(): void {
    // The last chance of what is in memory only.
    if (this.#fd === null) this.checkpoint()
    if (this.#fd !== null) fs.closeSync(this.#fd)
    this.#fd = null
    this.#retryAt = Number.POSITIVE_INFINITY
  }

  get #due(): boolean {
    const turnBytes = this.#size - this.#checkpointSize
    const grown = turnBytes > Math.max(TURN_BYTES_MIN, GROWTH * this.#checkpointSize)
    const due = grown || this.#records > RECORDS_MAX || this.#deliveries > DELIVERIES_MAX
    return due && performance.now() >= this.#retryAt
  }

  #deliveriesOf(record: StateRecord): number {
    if (record.type === 'noticed') return this.#ports.state.rooms.get(record.room)?.watchers?.size ?? 0
    if (record.type !== 'delivered' && record.type !== 'ordered') return 0
    return this.#ports.state.rooms.get(record.room)?.members.size ?? 0
  }

  #begin(): FieldWriter {
    this.#out.clear()
    return this.#out.skip(BLOCK_HEAD)
  }

  #seal(fd: number, kind: BlockKind): void {
    const block = this.#out.written
    sealBlock(block, kind)
    for (let done = 0; done < block.length; ) {
      done += fs.writeSync(fd, block, done, block.length - done, this.#size + done)
    }
    this.#size += block.length
  }

  /** A later start must find no journal rather than one that ends before its sessions do. */
  #fail(fd: number, error: Error): void {
    // If the process ends in `failed` nothing of the turn leaves: nothing of it may be found.
    attempt(() => fs.ftruncateSync(fd, this.#size))
    this.#fd = null
    this.#ports.failed(error)
    attempt(() => fs.closeSync(fd))
    attempt(() => fs.rmSync(this.#ports.path, { force: true }))
    this.#retryAt = performance.now() + this.#retryMs
  }

  #retry(): void {
    if (performance.now() < this.#retryAt || this.checkpoint()) return
    this.#ports.worksAgain()
  }
}

/** The disk is in trouble, and its first error is told: the next ones say nothing new. */
function attempt(call: () => void): void {
  try {
    call()
  } catch {
    // Told already.
  }
}
