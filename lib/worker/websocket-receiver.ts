/**
 * What comes on a WebSocket, by ws's own parser with all its checks and limits, and without what stands around it: a
 * stream's queue, listeners and a WebSocket object for each connection.
 */
import { Receiver } from './ws.ts'

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

/** ws's own account of what it holds. Where these are named otherwise, no receiver is ever between messages. */
interface Held {
  readonly _state: number
  _opcode: number
  readonly _fragmented: number
  readonly _bufferedBytes: number
  readonly _errored: boolean
}

/** Of the last frame. Behind a close frame ws hears nothing more; here its link sees to that. */
const CLOSE = 8

/** RFC 6455, 7.4.1; all others of ws are 1002, protocol error. */
const CODES: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
}
const PROTOCOL_ERROR = 1002

export class WebSocketReceiver extends Receiver {
  /** Whose bytes are being read. */
  #events: ReceiverEvents | null = null
  readonly #taken = (error?: (Error & { code?: string }) | null): void => {
    if (error) this.#events?.failed(CODES[error.code ?? ''] ?? PROTOCOL_ERROR)
  }

  constructor(limits: ReceiverLimits) {
    super({ ...limits, isServer: true })
  }

  /**
   * Without compression it is done with the bytes when this returns, but for the beginning of what is not whole. Not to
   * be called again for who was told `concluded` or `failed`.
   */
  read(bytes: Buffer, events: ReceiverEvents): void {
    const held = this as unknown as Held
    if (held._opcode === CLOSE && held._state === 0) held._opcode = 0
    this.#events = events
    this._write(bytes, 'buffer' as BufferEncoding, this.#taken)
    this.#events = null
  }

  /** It holds nothing of a frame or of a message in pieces, and has seen no fault. */
  get isBetween(): boolean {
    const { _state, _fragmented, _bufferedBytes, _errored } = this as unknown as Held
    return _state === 0 && _bufferedBytes === 0 && _fragmented === 0 && _errored === false
  }

  /** No listeners: this has one owner. */
  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    switch (event) {
      case 'message':
        this.#events?.message(first as Buffer, second as boolean)
        return true
      case 'ping':
        this.#events?.pinged(first as Buffer)
        return true
      case 'conclude':
        this.#events?.concluded(first as number)
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

/** A connection that is between two messages needs no receiver: one serves them all, and each is 1.2 kB. */
export class Receivers {
  readonly #limits: ReceiverLimits
  #idle: WebSocketReceiver | null = null

  constructor(limits: ReceiverLimits) {
    this.#limits = limits
  }

  /** @param own what it was left with the last time, if anything @returns what it has to keep for what comes next */
  read(bytes: Buffer, own: WebSocketReceiver | null, events: ReceiverEvents): WebSocketReceiver | null {
    const receiver = own ?? this.#idle ?? new WebSocketReceiver(this.#limits)
    if (receiver === this.#idle) this.#idle = null
    receiver.read(bytes, events)
    if (!receiver.isBetween) return receiver
    this.#idle = receiver
    return null
  }
}
