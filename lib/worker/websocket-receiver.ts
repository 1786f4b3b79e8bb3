/**
 * What comes on a WebSocket, by ws's own parser with all its checks and limits, and without what stands around it: a
 * stream's queue, listeners and a WebSocket object for each connection.
 */
import { createRequire } from 'node:module'
import type { Writable } from 'node:stream'

export interface ReceiverLimits {
  /** Bytes of one message. */
  readonly maxPayload: number
  readonly maxBufferedChunks: number
  readonly maxFragments: number
}

export interface ReceiverEvents {
  /** ws has checked that text is UTF-8. */
  message(data: Buffer, isBinary: boolean): void
  pinged(data: Buffer): void
  /** The peer's close frame; 1005: without a code. Nothing follows. */
  concluded(code: number): void
  /** The peer broke the protocol: the code to close with. Nothing follows. */
  failed(code: number): void
}

// Its types leave it out. Not imported: its ES modules take a fifth of a worker's start.
const { Receiver } = createRequire(import.meta.url)('ws') as {
  Receiver: new (options: ReceiverLimits & { isServer: boolean }) => Writable
}

/** RFC 6455, 7.4.1; all others of ws are 1002, protocol error. */
const CODES: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
}
const PROTOCOL_ERROR = 1002

export class WebSocketReceiver extends Receiver {
  readonly #events: ReceiverEvents
  readonly #taken = (error?: (Error & { code?: string }) | null): void => {
    if (error) this.#events.failed(CODES[error.code ?? ''] ?? PROTOCOL_ERROR)
  }

  constructor(limits: ReceiverLimits, events: ReceiverEvents) {
    super({ ...limits, isServer: true })
    this.#events = events
  }

  /** Without compression it is done with the bytes when this returns, but for the beginning of what is not whole. */
  read(bytes: Buffer): void {
    this._write(bytes, 'buffer' as BufferEncoding, this.#taken)
  }

  /** No listeners: this has one owner. */
  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    switch (event) {
      case 'message':
        this.#events.message(first as Buffer, second as boolean)
        return true
      case 'ping':
        this.#events.pinged(first as Buffer)
        return true
      case 'conclude':
        this.#events.concluded(first as number)
        return true
      default:
        return super.emit(event, first, second)
    }
  }

  /** Behind a close frame. Nothing waits for the end of the stream, which costs three turns of the event loop. */
  override end(): this {
    return this
  }
}
