/** The answer to a WebSocket handshake as nearly all clients make it (RFC 6455, 4.2); ws looks at all others. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/

/** @returns the whole head of the answer; null where something is wrong, or wanted that is rare */
export function handshakeAnswer({ method, headers }: IncomingMessage): string | null {
  const key = headers['sec-websocket-key']
  const isUsual =
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    headers['sec-websocket-protocol'] === undefined &&
    key !== undefined &&
    KEY.test(key)
  if (!isUsual) return null
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
}
