/**
 * The journal's file as a sequence of checked blocks. Pure but for reading.
 *
 * | file | `limpet journal 1` and a line feed, then blocks |
 * |---|---|
 * | block | length of the body u32 little endian, CRC-32 of kind and body u32, check of the length u16, kind u8, body |
 *
 * One `about` first, the checkpoint's `part`s and its `whole`, then a `turn` for each batch.
 */
import { readSync } from 'node:fs'
import { checksumOfItem } from '../bus/check.ts'

export const MAGIC = Buffer.from('limpet journal 1\n')
export const BLOCK_HEAD = 11
const KIND_AT = 10
const READ_BYTES = 1024 * 1024

export type BlockKind = 'about' | 'part' | 'whole' | 'turn'
const KINDS: readonly BlockKind[] = ['about', 'part', 'whole', 'turn']

export interface Block {
  readonly kind: BlockKind
  readonly body: Buffer
  /** Where the next one begins. */
  readonly end: number
}

/** How a file ends: at a block's end, in a block that was not written to its end, or in something else. */
export type Tail = 'clean' | 'torn' | 'damaged'

/** Fills in the head in front of a body that lies behind it. */
export function sealBlock(block: Buffer, kind: BlockKind): void {
  const length = block.length - BLOCK_HEAD
  block.writeUInt32LE(length, 0)
  block.writeUInt16LE(checkOfLength(length), 8)
  block[KIND_AT] = KINDS.indexOf(kind)
  block.writeUInt32LE(checksumOfItem(block.subarray(KIND_AT)).crc, 4)
}

/** A length that was hit by an error would look like a block that was not written to its end. */
function checkOfLength(length: number): number {
  return (length ^ (length >>> 16) ^ 0xa5a5) & 0xffff
}

export type Opened = { readonly ok: true } | { readonly ok: false; readonly reason: string }

export class BlockReader {
  readonly #fd: number
  readonly #size: number
  #buffer: Buffer = Buffer.alloc(0)
  /** Of the buffer, in the file. */
  #start = 0
  #at = MAGIC.length
  tail: Tail = 'clean'

  /** @param size bytes of the file */
  constructor(fd: number, size: number) {
    this.#fd = fd
    this.#size = size
  }

  /** False where the file is of another kind or version. */
  get genuine(): boolean {
    return this.#size >= MAGIC.length && this.#bytes(0, MAGIC.length).equals(MAGIC)
  }

  /** Null at the end of what is intact; `tail` says which end. The body is valid until the next call. */
  next(): Block | null {
    const at = this.#at
    const left = this.#size - at
    if (left === 0) return this.#stop('clean')
    if (left < BLOCK_HEAD) return this.#stop('torn')
    const head = this.#bytes(at, BLOCK_HEAD)
    const length = head.readUInt32LE()
    if (head.readUInt16LE(8) !== checkOfLength(length)) return this.#stop('damaged')
    const end = at + BLOCK_HEAD + length
    // A write that did not return: nothing of it has left.
    if (end > this.#size) return this.#stop('torn')
    const block = this.#bytes(at, BLOCK_HEAD + length)
    const kind = KINDS[block[KIND_AT]!]
    if (!kind || checksumOfItem(block.subarray(KIND_AT)).crc !== block.readUInt32LE(4))
      return this.#stop('damaged')
    this.#at = end
    return { kind, body: block.subarray(BLOCK_HEAD), end }
  }

  /** The end of the last block that was read. */
  get position(): number {
    return this.#at
  }

  #stop(tail: Tail): null {
    this.tail = tail
    return null
  }

  #bytes(at: number, length: number): Buffer {
    if (at < this.#start || at + length > this.#start + this.#buffer.length) this.#load(at, length)
    return this.#buffer.subarray(at - this.#start, at - this.#start + length)
  }

  #load(at: number, length: number): void {
    const buffer = Buffer.allocUnsafe(Math.min(Math.max(length, READ_BYTES), this.#size - at))
    for (let done = 0; done < buffer.length; ) {
      const read = readSync(this.#fd, buffer, done, buffer.length - done, at + done)
      if (read === 0) throw new Error('the journal became shorter while it was read')
      done += read
    }
    this.#buffer = buffer
    this.#start = at
  }
}
