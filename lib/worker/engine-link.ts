/**
 * One engine.io socket as a link. On a WebSocket frames bypass engine.io's packet machinery as one pre-encoded buffer,
 * while its own pings and packets keep their place in its queue.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type { Socket as EngineSocket } from 'engine.io'
import { type Data, Frame } from '../wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../wire/numbered.ts'
import type { Bundle } from './bundle.ts'
import { encodeBundle, encodeFrames } from './encode.ts'
import type { Link, LinkEvents, Transport } from './link.ts'
import type { Session } from './session.ts'

/** What is used of engine.io's transports beyond their types. */
interface RawTransport {
  readonly name: string
  readonly writable: boolean
  /** Polling: of the poll that waits. */
  readonly res?: ServerResponse | null
  readonly socket?: {
    terminate(): void
    pause(): void
    resume(): void
    once(event: 'close', call: () => void): void
    /** Null once it is closed. */
    readonly _socket: NetSocket | null
  }
  send(packets: { type: 'message'; data: Data }[]): void
  on(event: 'ready', call: () => void): void
}

/** How long an orderly WebSocket close may take before the socket is cut. */
const CLOSE_MS = 1000

export class EngineLink implements Link {
  readonly transport: Transport
  readonly address: string
  readonly segment: string
  headers: IncomingHttpHeaders | null
  session: Session | null = null
  readonly #socket: EngineSocket
  readonly #raw: RawTransport
  /** engine.io's own queue: pings, and what was sent while the transport was busy. */
  get #queue(): { readonly writeBuffer: readonly unknown[] } {
    return this.#socket as unknown as { writeBuffer: unknown[] }
  }

  /** Polling only. */
  readonly #sender: NumberedSender | null
  /** Polling: what the client has not taken yet. It may poll again on another connection, and take nothing there. */
  #answer: ServerResponse | null = null
  readonly #events: LinkEvents
  readonly #stallMs: number
  /** WebSocket: what the kernel has not taken yet, past the stream's own account. */
  #writing = false
  readonly #taken = (error?: Error | null): void => {
    this.#writing = false
    if (error) this.#raw.socket?._socket?.destroy(error)
    else if (this.#socket.readyState === 'open') this.#events.linkWritable(this)
  }

  constructor(
    socket: EngineSocket,
    address: string,
    segment: string,
    headers: IncomingHttpHeaders,
    events: LinkEvents,
    stallMs: number,
  ) {
    this.#socket = socket
    this.#events = events
    this.#stallMs = stallMs
    this.#raw = socket.transport as unknown as RawTransport
    this.transport = this.#raw.name === 'websocket' ? 'websocket' : 'polling'
    this.address = address
    this.segment = segment
    this.headers = headers
    const polling = this.transport === 'polling'
    this.#sender = polling ? new NumberedSender() : null
    const receiver = polling ? new NumberedReceiver() : null
    socket.on('message', (data: Data | undefined) => this.#received(data ?? '', receiver))
    socket.once('close', (reason: string) => {
      if (reason !== 'forced close') this.terminate()
      events.linkClosed(this, reason)
    })
    this.#raw.on('ready', () => this.#ready())
  }

  #received(data: Data, receiver: NumberedReceiver | null): void {
    if (!receiver) return this.#events.linkFrame(this, data)
    const result = receiver.decode(data)
    if (result.ok) return this.#events.linkFrame(this, result.data)
    // A POST that came twice. Anything else means that a frame is missing: the session replays it on another link.
    if (result.reason !== 'repeat') this.terminate()
  }

  /** The kernel has taken the last write: of ours, and of engine.io. */
  get writable(): boolean {
    if (this.#writing || this.#answer !== null) return false
    const { writable, socket } = this.#raw
    if (!writable || this.#socket.readyState !== 'open' || this.#queue.writeBuffer.length > 0) return false
    return socket === undefined || socket._socket?.writableLength === 0
  }

  send(frames: readonly (Data | Frame)[]): void {
    if (!this.#sender) {
      const encoded = encodeFrames(frames)
      if (this.writable) return this.#write(encoded)
      // Only what ends a link gets here while it is busy; it keeps its place behind engine.io's own packets.
      this.#socket.send('', { wsPreEncodedFrame: [encoded] } as unknown as { compress: boolean })
      return
    }
    const packets = frames.map((frame) => ({
      type: 'message' as const,
      data: this.#sender!.encode(frame instanceof Frame ? frame.data : frame),
    }))
    const { res } = this.#raw
    if (!this.writable || !res) for (const { data } of packets) this.#socket.send(data, { compress: false })
    else {
      this.#raw.send(packets)
      if (!res.writableFinished) this.#awaitTaken(res)
    }
  }

  /** Until then nothing more is written; and where nothing of it moves for a while it is cut off. */
  #awaitTaken(answer: ServerResponse): void {
    this.#answer = answer
    const { socket } = answer.req
    answer.setTimeout(this.#stallMs, () => socket.destroy())
    // Ahead of Node, which arms its own for the next request then.
    answer.prependOnceListener('finish', () => socket.setTimeout(0))
    answer.once('close', () => {
      this.#answer = null
      this.#ready()
    })
  }

  #ready(): void {
    if (this.writable) this.#events.linkWritable(this)
  }

  sendBundle(bundle: Bundle): void {
    if (this.#sender) this.send(bundle.frames())
    else this.#write(encodeBundle(bundle))
  }

  /**
   * Whole frames, past engine.io and ws: neither has anything of its own on its way when the link is writable. Past
   * the stream's machinery too, a sixth of what a delivery costs: libuv keeps the order of what is written, and the
   * stream does not end before the socket has taken all.
   */
  #write(encoded: Uint8Array): void {
    this.#writing = true
    this.#raw.socket!._socket!._write(encoded, 'buffer' as BufferEncoding, this.#taken)
  }

  close(): void {
    const { socket } = this.#raw
    this.#socket.close()
    if (!socket) return
    // ws waits up to 30 s for the peer's close frame.
    const timer = setTimeout(() => socket.terminate(), CLOSE_MS)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
  }

  terminate(): void {
    this.#raw.socket?.terminate()
    this.#socket.close(true)
  }

  setReading(reading: boolean): void {
    // A poll cannot be paused; there a full backlog ends the link and the client replays.
    if (reading) this.#raw.socket?.resume()
    else this.#raw.socket?.pause()
  }
}
