/**
 * Reads of a TLS connection as much as tells that it is one. What it asks for is hidden from the primary: any worker may
 * take it, and forwards what is not its own.
 */
import type { Head } from './head.ts'

/** The type of the record that carries a ClientHello. */
const HANDSHAKE = 0x16
const PLAIN: Head = { kind: 'bad', status: 400, reason: 'This port speaks TLS: the URL begins with https.' }

export class HelloReader {
  push(chunk: Uint8Array): Head {
    // A PROXY header came alone.
    if (chunk.length === 0) return { kind: 'more' }
    if (chunk[0] !== HANDSHAKE) return PLAIN
    return { kind: 'ready', route: { kind: 'any' }, method: '', bytes: Buffer.from(chunk) }
  }
}
