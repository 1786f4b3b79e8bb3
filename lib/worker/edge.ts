/** What the worker's HTTP edge (http.ts) is given, and what it counts. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { PerAddress } from '../addresses.ts'

/** An engine.io server, as far as the edge uses it. Both may throw: that is answered with 500. */
export interface EngineHandler {
  /** `maxHttpBufferSize`: the largest body of a POST, in bytes; greater than the largest message, by base64. */
  readonly opts: {
    readonly maxHttpBufferSize?: number | undefined
    /** Set by an application that says itself which origins it lets in. */
    readonly cors?: unknown
  }
  handleRequest(req: IncomingMessage, res: ServerResponse): void
  handleUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void
}

export interface EdgeOptions {
  /** `--path`, with a slash at both ends. */
  readonly path: string
  /** `--origin` */
  readonly origin: string
  /** `--trust-proxy` */
  readonly trustProxy: string
  readonly slot: number
  readonly workers: number
  readonly generation: number
  readonly placementKey: Uint8Array
  readonly socketDirectory: string
  /** A whole head must be here this long after an idle connection may have been closed. */
  readonly headMs: number
  readonly headBytes: number
  /** How long a kept-alive connection may be idle; default 5000. */
  readonly keepAliveMs?: number
  /**
   * How long the body of a POST on a link may take, and a forwarded link be silent; default 45,000: by then a ping is
   * overdue (interval + timeout), and the link lost anyway.
   */
  readonly bodyMs?: number
  /** A tunnelled link that is silent this long is lost. */
  readonly silentMs?: number
  /** New links of each address, per second; 0 or absent: no limit. */
  readonly handshakesPerAddress?: number
  /** Links of each address here, of both engines. */
  readonly connections: PerAddress
  readonly links: EngineHandler
  readonly raw: EngineHandler & { hasListeners(): boolean }
  /** All that is not limpet's own. False, or a promise of it: 404. A throw or rejection: 500. */
  readonly pages: (req: IncomingMessage, res: ServerResponse) => unknown
  readonly log: Logger
}

export interface EdgeCounters {
  requests: number
  forwarded: number
  /** Forwarded here by another worker, and not this worker's: the two disagree on the fleet. */
  misplacedRefused: number
}
