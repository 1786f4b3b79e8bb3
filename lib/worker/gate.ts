/** Which requests for a link come as far as the engine. What does not is told why, by a status and a sentence. */
import type { IncomingMessage } from 'node:http'
import type { PerAddress } from '../addresses.ts'
import { hasBody } from './connections.ts'
import { corsHeaders, Origins, preflightHeaders } from './origins.ts'
import { Rates } from './rates.ts'

export interface Refusal {
  readonly status: number
  readonly sentence: string
}

const METHODS = ['GET', 'POST', 'OPTIONS']

export class Gate {
  readonly #origins: Origins
  readonly #connections: PerAddress
  readonly #handshakes: Rates

  /**
   * @param origin `--origin`
   * @param connections of each address, on this worker
   * @param handshakes of each address, per second; 0 sets no limit
   */
  constructor(origin: string, connections: PerAddress, handshakes = 0) {
    this.#origins = new Origins(origin)
    this.#connections = connections
    this.#handshakes = new Rates(handshakes, () => performance.now())
  }

  origin({ headers }: IncomingMessage): Refusal | null {
    return this.#origins.judge(headers.origin, headers.host) === 'foreign'
      ? { status: 403, sentence: 'Pages of this origin may not connect here.' }
      : null
  }

  /** @param limit the largest body, in bytes */
  refusal(req: IncomingMessage, upgrade: boolean, limit: number): Refusal | null {
    const { method = '', headers } = req
    if (Number(headers['content-length'] ?? 0) > limit)
      return { status: 413, sentence: `The body is larger than ${limit} bytes.` }
    // engine.io answers others with 500 where they name a session; its protocol wants 400.
    if (!METHODS.includes(method)) return { status: 400, sentence: 'This method is not taken here.' }
    // engine.io leaves such a body unread, and takes the end of reading it for a client that left.
    if (method !== 'POST' && hasBody(req)) return { status: 400, sentence: 'Only a POST has a body here.' }
    // ws would answer, but say nothing to the log.
    if (upgrade && headers['sec-websocket-version'] !== '13')
      return { status: 400, sentence: 'Version 13 of WebSocket is spoken here.' }
    return null
  }

  /** Of a handshake, at the worker that would hold the link. */
  crowded(address: string): Refusal | null {
    if (this.#connections.isFull(address))
      return { status: 429, sentence: 'Too many connections come from this address.' }
    return this.#handshakes.take(address)
      ? null
      : { status: 429, sentence: 'Connections come from this address too fast.' }
  }

  /** What the answer says to the browser of a page that was let in. */
  headers(req: IncomingMessage): Record<string, string> {
    const { origin, host } = req.headers
    const verdict = this.#origins.judge(origin, host)
    return req.method === 'OPTIONS'
      ? preflightHeaders(verdict, origin, req.headers['access-control-request-headers'])
      : corsHeaders(verdict, origin)
  }
}
