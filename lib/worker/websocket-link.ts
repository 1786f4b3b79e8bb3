/**
 * One WebSocket as a link: Engine.IO 4 spoken here, on the connection itself. Of engine.io and ws it would need a
 * socket, a transport, a sender and two timers for each connection, as much memory as all the rest, and their machinery
 * for each packet.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Data, Frame } from '../wire/frames.ts'
import type { Bundle } from './bundle.ts'
import { encodeBundle, encodeClosing, encodeFrames, encodePong } from './encode.ts'
import { type ByteReader, readBy } from './handle.ts'
import type { Pulse } from './heartbeats.ts'
import type { Link } from './link.ts'
import type { Session } from './session.ts'
import type { ReceiverEvents, Receivers, WebSocketReceiver } from './websocket-receiver.ts'

/** What all links of a worker have in common. */
export interface WebSocketOwner {
  readonly receivers: Receivers
  frame(link: WebSocketLink, data: Data): void
  writable(link: WebSocketLink): void
  pong(link: WebSocketLink): void
  heard(link: WebSocketLink): void
  ended(link: WebSocketLink, reason: string): void
}

/** Engine.IO packet types, the first character of a text message. */
const [CLOSE, PONG, MESSAGE, UPGRADE, NOOP] = ['1', '3', '4', '5', '6'].map((type) => type.charCodeAt(0))
/** Engine.IO's ping as a WebSocket frame. */
const PING = Uint8Array.of(0x81, 1, 0x32)
/** How long the peer has for its part of an orderly end. */
const CLOSE_MS = 1000
/** RFC 6455: no code in the close frame. */
const NO_CODE = 1005

type Linked = Socket & { link: WebSocketLink }

export class WebSocketLink implements Link, Pulse, ByteReader, ReceiverEvents {
  readonly transport = 'websocket'
  readonly address: string
  readonly segment: string
  headers: IncomingHttpHeaders | null
  session: Session | null = null
  due = 0
  awaitsPong = false
  readonly #socket: Socket
  /** TLS takes one write at a time: a second one ends the process. */
  readonly #isPlain: boolean
  /** In the middle of a message. */
  #receiver: WebSocketReceiver | null = null
  readonly #owner: WebSocketOwner
  readonly #release: () => void
  /** `closing`: its own last word is said, the peer's may still come; `over`: nothing is read any more. */
  #phase: 'open' | 'closing' | 'over' = 'open'
  #timer: NodeJS.Timeout | null = null
  /** What the kernel has not taken yet, past the stream's own account. */
  #writing = false
  /** RFC 6455, 5.5.3: of pings that could not be answered yet only the last one is. */
  #pong: Uint8Array | null = null
  readonly #taken = (error?: Error | null): void => {
    this.#writing = false
    if (error) this.#socket.destroy(error)
    else if (this.#phase === 'open') this.#free()
  }

  /** @param release gives back what it holds of a limit */
  constructor(
    socket: Socket,
    of: { readonly address: string; readonly segment: string; readonly headers: IncomingHttpHeaders },
    owner: WebSocketOwner,
    release: () => void,
  ) {
    this.#socket = socket
    this.#isPlain = !(socket instanceof TLSSocket)
    this.address = of.address
    this.segment = of.segment
    this.headers = of.headers
    this.#owner = owner
    this.#release = release
    // Functions of all links, not closures of each.
    ;(socket as Linked).link = this
    readBy(socket, this)
    socket.on('end', ended)
    socket.on('close', closed)
  }

  /** The kernel has taken the last write: of ours, and of the stream. */
  get writable(): boolean {
    return !this.#writing && this.#phase === 'open' && this.#socket.writableLength === 0
  }

  send(frames: readonly (Data | Frame)[]): void {
    this.#say(encodeFrames(frames))
  }

  sendBundle(bundle: Bundle): void {
    this.#write(encodeBundle(bundle))
  }

  /** What does not come from a session's outbox gets here while the link is busy: it stands behind what was written. */
  #say(encoded: Uint8Array): void {
    if (this.writable) this.#write(encoded)
    else if (this.#phase === 'open') this.#socket.write(encoded, this.#taken)
  }

  /**
   * Whole frames, past the stream's machinery, a sixth of what a delivery costs: libuv keeps the order of what is
   * written, and the stream does not end before the socket has taken all.
   */
  #write(encoded: Uint8Array): void {
    this.#writing = true
    if (this.#isPlain) this.#socket._write(encoded, 'buffer' as BufferEncoding, this.#taken)
    else this.#socket.write(encoded, this.#taken)
  }

  #free(): void {
    const pong = this.#pong
    this.#pong = null
    // What it does next comes when this has been taken.
    if (pong && this.writable) this.#write(pong)
    else this.#owner.writable(this)
  }

  ping(): void {
    this.#say(PING)
  }

  lost(): void {
    this.#cut('ping timeout')
  }

  close(): void {
    this.#close(NO_CODE, 'forced close')
  }

  terminate(): void {
    this.#cut('forced close')
  }

  #cut(reason: string): void {
    this.#socket.destroy()
    this.#leave(reason)
  }

  #close(code: number, reason: string): void {
    if (this.#phase !== 'open') return
    this.#socket.write(encodeClosing(code === NO_CODE ? null : code))
    // The peer's answer may stand behind what was not read.
    this.#socket.resume()
    this.#hurry()
    this.#leave(reason)
  }

  #hurry(): void {
    this.#timer ??= setTimeout(() => this.#socket.destroy(), CLOSE_MS)
  }

  setReading(reading: boolean): void {
    if (this.#phase !== 'open') return
    if (reading) this.#socket.resume()
    else this.#socket.pause()
  }

  read(bytes: Buffer): void {
    if (this.#phase !== 'over') this.#receiver = this.#owner.receivers.read(bytes, this.#receiver, this)
  }

  message(data: Buffer, isBinary: boolean): void {
    if (this.#phase !== 'open') return
    if (this.awaitsPong) this.#owner.heard(this)
    if (isBinary) return this.#owner.frame(this, data)
    const [type] = data
    if (type === MESSAGE) return this.#owner.frame(this, data.toString('utf8', 1))
    if (type === PONG) return this.#owner.pong(this)
    if (type === CLOSE) return this.close()
    // As engine.io: neither makes sense here, nor harm.
    if (type !== UPGRADE && type !== NOOP) this.#cut('parse error')
  }

  pinged(data: Buffer): void {
    if (this.#phase !== 'open') return
    const pong = encodePong(data)
    if (this.writable) this.#write(pong)
    else this.#pong = pong
  }

  concluded(code: number): void {
    this.#close(code, 'transport close')
    this.#end()
  }

  failed(code: number): void {
    this.concluded(code)
  }

  /** Both sides have said all, or this side wants to hear no more. */
  #end(): void {
    // Node makes an error, with its stack, of a second end.
    if (this.#phase !== 'over') this.#socket.end()
    this.#phase = 'over'
  }

  ended(): void {
    this.#hurry()
    this.#leave('transport close')
    this.#end()
  }

  closed(): void {
    clearTimeout(this.#timer ?? undefined)
    this.#leave('transport close')
  }

  #leave(reason: string): void {
    if (this.#phase !== 'open') return
    this.#phase = 'closing'
    this.#release()
    this.#owner.ended(this, reason)
  }
}

/** The peer ends its side. */
function ended(this: Socket): void {
  ;(this as Linked).link.ended()
}

function closed(this: Socket): void {
  ;(this as Linked).link.closed()
}
