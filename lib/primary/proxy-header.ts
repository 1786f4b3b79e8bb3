/**
 * The first bytes of a connection from a proxy that is trusted: a PROXY header, version 1 or 2, says who its client is.
 * Where there is none, the bytes are the client's. Pure; the answer does not depend on how they were split.
 */
import { isIP } from 'node:net'
import { plainAddress } from '../addresses.ts'

export type Introduction =
  | { readonly kind: 'more' }
  /** To be answered with 400. */
  | { readonly kind: 'bad'; readonly reason: string }
  /** `address`: null where nothing is said of a client. `rest`: what stands behind the header. */
  | { readonly kind: 'done'; readonly address: string | null; readonly rest: Uint8Array }

const MORE: Introduction = { kind: 'more' }
const MALFORMED: Introduction = { kind: 'bad', reason: 'The PROXY header is malformed.' }
const LINE = Buffer.from('PROXY ')
/** The longest that the protocol allows, with CRLF. */
const LINE_BYTES = 107
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const FIXED_BYTES = 16

export class ProxyHeader {
  readonly #limit: number
  #bytes: Buffer = Buffer.alloc(0)

  /** @param limit the largest header, in bytes: version 2 may carry what is of no use here */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Keeps no reference to `chunk`. */
  push(chunk: Uint8Array): Introduction {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    for (const [beginning, read] of [
      [LINE, this.#line],
      [SIGNATURE, this.#binary],
    ] as const) {
      const common = Math.min(beginning.length, this.#bytes.length)
      if (beginning.compare(this.#bytes, 0, common, 0, common) !== 0) continue
      return common < beginning.length ? MORE : read()
    }
    return { kind: 'done', address: null, rest: this.#bytes }
  }

  readonly #line = (): Introduction => {
    const end = this.#bytes.indexOf('\r\n')
    if (end < 0 || end + 2 > LINE_BYTES) return this.#bytes.length < LINE_BYTES ? MORE : MALFORMED
    const rest = this.#bytes.subarray(end + 2)
    const [, family, source = '', destination = ''] = this.#bytes.toString('latin1', 0, end).split(' ')
    if (family === 'UNKNOWN') return { kind: 'done', address: null, rest }
    const kind = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0
    if (kind === 0 || isIP(source) !== kind || isIP(destination) !== kind) return MALFORMED
    return { kind: 'done', address: plainAddress(source), rest }
  }

  readonly #binary = (): Introduction => {
    const bytes = this.#bytes
    if (bytes.length < FIXED_BYTES) return MORE
    const [command, family, length] = [bytes[12]!, bytes[13]!, bytes.readUInt16BE(14)]
    const end = FIXED_BYTES + length
    // 0x20: the proxy speaks for itself, to see whether we live.
    if ((command !== 0x20 && command !== 0x21) || end > this.#limit) return MALFORMED
    const size = family === 0x11 ? 4 : family === 0x21 ? 16 : 0
    if (command === 0x21 && length < 2 * size + (size > 0 ? 4 : 0)) return MALFORMED
    if (bytes.length < end) return MORE
    const rest = bytes.subarray(end)
    if (command === 0x20 || size === 0) return { kind: 'done', address: null, rest }
    return { kind: 'done', address: textOf(bytes.subarray(FIXED_BYTES, FIXED_BYTES + size)), rest }
  }
}

function textOf(address: Buffer): string {
  if (address.length === 4) return address.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => address.readUInt16BE(2 * i).toString(16))
  if (groups.slice(0, 6).join() === '0,0,0,0,0,ffff') return address.subarray(12).join('.')
  return groups.join(':')
}
