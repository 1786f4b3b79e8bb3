/**
 * Fields in binary: the alphabet of items, questions, replies and envelopes. A number is a varint (7 bits a byte, low
 * bits first, up to 2⁵³ − 1); a text is its byte length and its UTF-8.
 */
import { isUtf8 } from 'node:buffer'
import type { Data } from '../wire/frames.ts'

/** Up to here a loop over ASCII is faster than two calls out of JavaScript; fits the first byte of a varint. */
const SHORT = 64

/** 53 bits in groups of seven. */
const VARINT_BYTES_MAX = 8

export class FieldWriter {
  #bytes = Buffer.allocUnsafe(128)
  #end = 0

  byte(value: number): this {
    this.#reserve(1)
    this.#bytes[this.#end++] = value
    return this
  }

  /** A safe integer from 0. */
  number(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a count: ${value}`)
    this.#reserve(VARINT_BYTES_MAX)
    let rest = value
    // Division, not shifts: those end at 32 bits.
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.#end++] = (rest % 0x80) | 0x80
    this.#bytes[this.#end++] = rest
    return this
  }

  /** Well-formed text: a lone surrogate would come back as U+FFFD. */
  text(value: string): this {
    if (value.length <= SHORT && this.#ascii(value)) return this
    const size = Buffer.byteLength(value)
    this.number(size)
    this.#reserve(size)
    this.#end += this.#bytes.write(value, this.#end)
    return this
  }

  /** @returns false, and nothing is written, where it is no ASCII */
  #ascii(value: string): boolean {
    const { length } = value
    this.#reserve(1 + length)
    const bytes = this.#bytes
    let at = this.#end
    bytes[at++] = length
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit >= 0x80) return false
      bytes[at++] = unit
    }
    this.#end = at
    return true
  }

  texts(values: readonly string[]): this {
    this.number(values.length)
    for (const value of values) this.text(value)
    return this
  }

  bytes(value: Uint8Array): this {
    this.number(value.length)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#end)
    this.#end += value.length
    return this
  }

  /** Text or bytes, and which of them. */
  data(value: Data): this {
    return typeof value === 'string' ? this.byte(0).text(value) : this.byte(1).bytes(value)
  }

  /** Leaves room for what is known later. */
  skip(size: number): this {
    this.#reserve(size)
    this.#end += size
    return this
  }

  get size(): number {
    return this.#end
  }

  /** What was written, until the next call. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#end)
  }

  clear(): void {
    this.#end = 0
  }

  /** The end, with `tail` behind it, without its length. */
  finish(tail: Data = ''): Uint8Array {
    const size = typeof tail === 'string' ? Buffer.byteLength(tail) : tail.length
    const out = Buffer.allocUnsafe(this.#end + size)
    this.#bytes.copy(out, 0, 0, this.#end)
    if (typeof tail === 'string') out.write(tail, this.#end)
    else out.set(tail, this.#end)
    return out
  }

  #reserve(size: number): void {
    const needed = this.#end + size
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

/** Never throws: what is missing or malformed reads as nothing, and `ok` is false from then on. */
export class FieldReader {
  readonly #bytes: Buffer
  #at = 0
  ok = true

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Everything was well-formed, and nothing is left. */
  get done(): boolean {
    return this.ok && this.#at === this.#bytes.length
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) return this.#fail(0)
    this.#at += 1
    return value
  }

  number(): number {
    let value = 0
    for (let i = 0, factor = 1; i < VARINT_BYTES_MAX; i++, factor *= 0x80) {
      const byte = this.byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : this.#fail(0)
    }
    return this.#fail(0)
  }

  text(): string {
    return this.#utf8(this.number())
  }

  texts(): string[] {
    const texts: string[] = []
    for (let left = this.number(); left > 0 && this.ok; left--) texts.push(this.text())
    return texts
  }

  /** A copy: what is kept must not hold the whole chunk it came in. */
  bytes(): Uint8Array {
    return this.#copy(this.number())
  }

  data(): Data {
    return this.byte() === 0 ? this.text() : this.bytes()
  }

  /** Nothing is left, or nothing more can be read. */
  get atEnd(): boolean {
    return !this.ok || this.#at === this.#bytes.length
  }

  tailText(): string {
    return this.#utf8(this.#bytes.length - this.#at)
  }

  tailBytes(): Uint8Array {
    return this.#copy(this.#bytes.length - this.#at)
  }

  #utf8(size: number): string {
    const bytes = this.#take(size)
    return isUtf8(bytes) ? bytes.toString() : this.#fail('')
  }

  #copy(size: number): Uint8Array {
    return new Uint8Array(this.#take(size))
  }

  #take(size: number): Buffer {
    const end = this.#at + size
    if (end > this.#bytes.length) return this.#fail(this.#bytes.subarray(0, 0))
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  /** What was read makes no sense to whoever read it. */
  fail(): null {
    return this.#fail(null)
  }

  #fail<T>(nothing: T): T {
    this.ok = false
    return nothing
  }
}
