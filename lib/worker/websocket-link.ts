/**
 * One WebSocket as a link: Engine.IO 4 spoken here, on ws alone. Of engine.io it would need a socket, a transport and
 * two timers for each connection, as much memory as all the rest, and their machinery for each packet.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { WebSocket } from 'ws'
import type { Data, Frame } from '../wire/frames.ts'
import type { Bundle } from './bundle.ts'
import { encodeBundle, encodeFrames } from './encode.ts'
import type { Pulse } from './heartbeats.ts'
import type { Link } from './link.ts'
import type { Session } from './session.ts'

/** What all links of a worker have in common. */
export interface WebSocketOwner {
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

type Linked = WebSocket & { link: WebSocketLink }

export class WebSocketLink implements Link, Pulse {
  readonly transport = 'websocket'
  readonly address: string
  readonly segment: string
  headers: IncomingHttpHeaders | null
  session: Session | null = null
  due = Number.POSITIVE_INFINITY
  awaitsPong = false
  readonly #ws: WebSocket
  readonly #socket: Socket
  readonly #owner: WebSocketOwner
  readonly #release: () => void
  #open = true
  /** What the kernel has not taken yet, past the stream's own account. */
  #writing = false
  readonly #taken = (error?: Error | null): void => {
    this.#writing = false
    if (error) this.#socket.destroy(error)
    else if (this.#open) this.#owner.writable(this)
  }

  /** @param release gives back what it holds of a limit */
  constructor(
    ws: WebSocket,
    socket: Socket,
    of: { readonly address: string; readonly segment: string; readonly headers: IncomingHttpHeaders },
    owner: WebSocketOwner,
    release: () => void,
  ) {
    this.#ws = ws
    this.#socket = socket
    this.address = of.address
    this.segment = of.segment
    this.headers = of.headers
    this.#owner = owner
    this.#release = release
    // Functions of all links, not closures of each.
    ;(ws as Linked).link = this
    ws.on('message', heard)
    ws.on('close', closed)
    ws.on('error', failed)
  }

  /** Nothing follows a close frame, though the peer has not ended the connection yet. */
  get #speaks(): boolean {
    return this.#open && this.#ws.readyState === this.#ws.OPEN
  }

  /** The kernel has taken the last write: of ours, and of ws. */
  get writable(): boolean {
    return !this.#writing && this.#speaks && this.#socket.writableLength === 0
  }

  send(frames: readonly (Data | Frame)[]): void {
    const encoded = encodeFrames(frames)
    if (this.writable) this.#write(encoded)
    // Only what ends a link gets here while it is busy; it keeps its place behind what was written.
    else if (this.#speaks) this.#socket.write(encoded)
  }

  sendBundle(bundle: Bundle): void {
    this.#write(encodeBundle(bundle))
  }

  /**
   * Whole frames, past ws and the stream's machinery, a sixth of what a delivery costs: libuv keeps the order of what is
   * written, and the stream does not end before the socket has taken all. TLS takes one write at a time: a second one
   * ends the process.
   */
  #write(encoded: Uint8Array): void {
    this.#writing = true
    if (this.#socket instanceof TLSSocket) this.#socket.write(encoded, this.#taken)
    else this.#socket._write(encoded, 'buffer' as BufferEncoding, this.#taken)
  }

  ping(): void {
    if (this.#speaks) this.#socket.write(PING)
  }

  lost(): void {
    this.#cut('ping timeout')
  }

  /** ws cuts it where the peer does not answer in time. */
  close(): void {
    if (!this.#open) return
    this.#ws.close()
    this.#ended('forced close')
  }

  terminate(): void {
    this.#cut('forced close')
  }

  #cut(reason: string): void {
    this.#ws.terminate()
    this.#ended(reason)
  }

  setReading(reading: boolean): void {
    if (reading) this.#ws.resume()
    else this.#ws.pause()
  }

  /** ws has checked that text is UTF-8. */
  received(data: Buffer, isBinary: boolean): void {
    if (!this.#open) return
    if (this.awaitsPong) this.#owner.heard(this)
    if (isBinary) return this.#owner.frame(this, data)
    const [type] = data
    if (type === MESSAGE) return this.#owner.frame(this, data.toString('utf8', 1))
    if (type === PONG) return this.#owner.pong(this)
    if (type === CLOSE) return this.close()
    // As engine.io: neither makes sense here, nor harm.
    if (type !== UPGRADE && type !== NOOP) this.#cut('parse error')
  }

  gone(): void {
    this.#ended('transport close')
  }

  #ended(reason: string): void {
    if (!this.#open) return
    this.#open = false
    this.due = Number.POSITIVE_INFINITY
    this.#release()
    this.#owner.ended(this, reason)
  }
}

function heard(this: WebSocket, data: unknown, isBinary: boolean): void {
  ;(this as Linked).link.received(data as Buffer, isBinary)
}

function closed(this: WebSocket): void {
  ;(this as Linked).link.gone()
}

/** The peer broke the protocol or the connection; the close follows. */
function failed(): void {}
