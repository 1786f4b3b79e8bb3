/**
 * Reads the first request head of a connection as far as it takes to know where the connection belongs. Pure.
 * The answer depends on the bytes alone, never on how they were split. All else of HTTP is left to the worker's
 * parser, which sees every byte again.
 */
import { type Route, routeOf } from '../placement.ts'

export type Head =
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly status: 400 | 431; readonly reason: string }
  /** `bytes`: everything read so far, the beginning of a body included. */
  | { readonly kind: 'ready'; readonly route: Route; readonly method: string; readonly bytes: Buffer }

type Line = { readonly method: string; readonly target: string }

const MORE: Head = { kind: 'more' }
const MALFORMED: Head = { kind: 'bad', status: 400, reason: 'The request line is malformed.' }
const CR = 13
const LF = 10

export class HeadReader {
  readonly #prefix: string
  readonly #headBytes: number
  #bytes: Buffer = Buffer.alloc(0)
  /** The first byte of the request line: some clients send an empty line after a body. */
  #start = 0
  #searched = 0
  #line: Line | null = null

  /** @param headBytes the largest head, with its leading and closing empty lines */
  constructor(prefix: string, headBytes: number) {
    this.#prefix = prefix
    this.#headBytes = headBytes
  }

  /** Keeps no reference to `chunk`. */
  push(chunk: Uint8Array): Head {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const bytes = this.#bytes
    while (this.#start < bytes.length && (bytes[this.#start] === CR || bytes[this.#start] === LF))
      this.#start++

    // Judged before the end of the head is known, so that TLS or garbage need not wait for the deadline.
    if (this.#line === null) {
      const first = bytes[this.#start] ?? 0x2f
      if ((first < 0x21 || first > 0x7e) && this.#start < this.#headBytes) return MALFORMED
      const end = bytes.indexOf(LF, this.#start)
      if (end < 0 || end >= this.#headBytes) return this.#moreOrOversize()
      this.#line = requestLine(bytes.toString('latin1', this.#start, end))
      if (this.#line === null) return MALFORMED
      this.#searched = end - 1
    }

    const end = bytes.indexOf('\r\n\r\n', this.#searched)
    if (end < 0 || end + 4 > this.#headBytes) {
      this.#searched = Math.max(this.#searched, bytes.length - 3)
      return this.#moreOrOversize()
    }
    const { method, target } = this.#line
    const route = routeOf(target, this.#prefix)
    if (route.kind === 'bad') return { kind: 'bad', status: 400, reason: route.reason }
    return { kind: 'ready', route, method, bytes }
  }

  #moreOrOversize(): Head {
    if (this.#bytes.length < this.#headBytes) return MORE
    return { kind: 'bad', status: 431, reason: `The request head is larger than ${this.#headBytes} bytes.` }
  }
}

function requestLine(line: string): Line | null {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\0-\x20\x7f]+) HTTP\/1\.[01]\r$/.exec(line)
  return match ? { method: match[1] as string, target: match[2] as string } : null
}
