/** One engine.io socket that polls, as a link. A link on polling may lose or repeat requests: its frames are numbered. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket as EngineSocket } from 'engine.io'
import { type Data, Frame } from '../wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../wire/numbered.ts'
import type { Bundle } from './bundle.ts'
import type { Link, LinkEvents } from './link.ts'
import type { Session } from './session.ts'

/** What is used of engine.io's transport beyond its types. */
interface RawTransport {
  readonly writable: boolean
  /** Of the poll that waits. */
  readonly res?: ServerResponse | null
  send(packets: { type: 'message'; data: Data }[]): void
  on(event: 'ready', call: () => void): void
}

export class PollingLink implements Link {
  readonly transport = 'polling'
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

  readonly #sender = new NumberedSender()
  readonly #receiver = new NumberedReceiver()
  /** What the client has not taken yet. It may poll again on another connection, and take nothing there. */
  #answer: ServerResponse | null = null
  readonly #events: LinkEvents
  readonly #stallMs: number

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
    this.address = address
    this.segment = segment
    this.headers = headers
    socket.on('message', (data: Data | undefined) => this.#received(data ?? ''))
    socket.once('close', (reason: string) => {
      if (reason !== 'forced close') this.terminate()
      events.linkClosed(this, reason)
    })
    this.#raw.on('ready', () => this.#ready())
  }

  #received(data: Data): void {
    const result = this.#receiver.decode(data)
    if (result.ok) return this.#events.linkFrame(this, result.data)
    // A POST that came twice. Anything else means that a frame is missing: the session replays it on another link.
    if (result.reason !== 'repeat') this.terminate()
  }

  /** A poll waits, and the answer to the last one was taken. */
  get writable(): boolean {
    if (this.#answer !== null || !this.#raw.writable) return false
    return this.#socket.readyState === 'open' && this.#queue.writeBuffer.length === 0
  }

  send(frames: readonly (Data | Frame)[]): void {
    const packets = frames.map((frame) => ({
      type: 'message' as const,
      data: this.#sender.encode(frame instanceof Frame ? frame.data : frame),
    }))
    const { res } = this.#raw
    if (!this.writable || !res) for (const { data } of packets) this.#socket.send(data, { compress: false })
    else {
      this.#raw.send(packets)
      if (!res.writableFinished) this.#awaitTaken(res)
    }
  }

  sendBundle(bundle: Bundle): void {
    this.send(bundle.frames())
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

  close(): void {
    this.#socket.close()
  }

  terminate(): void {
    this.#socket.close(true)
  }

  /** A poll cannot be paused; a full backlog ends the link and the client replays. */
  setReading(): void {}
}
