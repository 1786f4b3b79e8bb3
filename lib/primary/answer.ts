/** What the primary says itself, before a worker has the connection. */
import { STATUS_CODES } from 'node:http'

export interface Answer {
  readonly status: 200 | 400 | 408 | 429 | 431 | 503
  /** One sentence, or JSON. */
  readonly body: string
  readonly json?: boolean
}

export const NO_WORKER: Answer = { status: 503, body: 'No worker can take this connection now.' }
export const STOPPING: Answer = { status: 503, body: 'The server is stopping.' }
export const CROWDED: Answer = { status: 429, body: 'Too many connections come from this address.' }
export const HEAD_LATE: Answer = { status: 408, body: 'The request head did not come in time.' }
export const HEAD_CUT: Answer = { status: 400, body: 'The request head ended early.' }

/** @param bare a HEAD request: the head of the answer alone */
export function encodeAnswer(answer: Answer, bare = false): string {
  const { status, body, json } = answer
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${json ? 'application/json' : 'text/plain; charset=utf-8'}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    'Cache-Control: no-store',
  ]
  if (status === 503 || status === 429) lines.push('Retry-After: 1')
  return `${lines.join('\r\n')}\r\n\r\n${bare ? '' : body}`
}
