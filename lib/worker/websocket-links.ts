/** The WebSockets of sessions: their handshake, heartbeat and end. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Data } from '../wire/frames.ts'
import { encodeText } from './encode.ts'
import type { EngineOptions } from './engine.ts'
import { Heartbeats } from './heartbeats.ts'
import type { LinkEvents } from './link.ts'
import { handshakeAnswer } from './websocket-handshake.ts'
import { WebSocketLink, type WebSocketOwner } from './websocket-link.ts'
import { type ReceiverLimits, Receivers } from './websocket-receiver.ts'
import { WebSocketServer } from './ws.ts'

/** How late a ping or the end of a silent link may be. */
const TICK_MS = 100

/** What ws makes of an upgrade: the handshake is its own, the connection is read by the link. */
class Upgraded {
  setSocket(): void {}
}

export class WebSocketLinks implements WebSocketOwner {
  readonly #options: EngineOptions
  readonly #events: LinkEvents
  readonly #server: InstanceType<typeof WebSocketServer>
  readonly #links = new Set<WebSocketLink>()
  readonly #heartbeats: Heartbeats
  readonly #timer: NodeJS.Timeout
  readonly receivers: Receivers
  /** What the open packets have in common, behind the sid. */
  readonly #terms: string
  #sids = 0

  /** @param maxPayload bytes of one message */
  constructor(options: EngineOptions, events: LinkEvents, maxPayload: number) {
    this.#options = options
    this.#events = events
    const { pingIntervalMs: pingInterval, pingTimeoutMs: pingTimeout } = options
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      WebSocket: Upgraded as never,
    })
    // Unknown to its types.
    const { maxBufferedChunks, maxFragments } = this.#server.options as ReceiverLimits
    this.receivers = new Receivers({ maxPayload, maxBufferedChunks, maxFragments })
    this.#heartbeats = new Heartbeats(pingInterval, pingTimeout)
    this.#terms = JSON.stringify({ upgrades: [], pingInterval, pingTimeout, maxPayload }).slice(1)
    this.#timer = setInterval(() => this.#heartbeats.tick(performance.now()), TICK_MS).unref()
  }

  /** @param socket whose errors somebody listens to, as `Connections` does */
  handleUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const answer = socket.readable && socket.writable ? handshakeAnswer(req) : null
    if (answer !== null) return this.#open(req, socket, head, answer)
    socket.cork()
    this.#server.handleUpgrade(req, socket, head, () => this.#open(req, socket, head, ''))
    socket.uncork()
  }

  /** @param answer to the handshake: it leaves in one write with the open packet, and two chunks would cost a writev */
  #open(req: IncomingMessage, socket: Socket, head: Buffer, answer: string): void {
    const { addressOf, segmentOf, connections, slot } = this.#options
    const address = addressOf(req)
    const of = { address, segment: segmentOf(req), headers: req.headers }
    const link = new WebSocketLink(socket, of, this, connections.hold(address))
    this.#links.add(link)
    // No request names the sid of a WebSocket: it is the client's by the connection.
    this.#sids += 1
    const open = encodeText(`0{"sid":"${slot}-${this.#sids.toString(36)}",${this.#terms}`)
    socket.write(Buffer.concat([Buffer.from(answer, 'latin1'), open]))
    this.#heartbeats.begin(link, performance.now())
    this.#events.linkOpened(link)
    socket.setTimeout(0)
    if (head.length > 0) socket.unshift(head)
  }

  frame(link: WebSocketLink, data: Data): void {
    this.#events.linkFrame(link, data)
  }

  writable(link: WebSocketLink): void {
    this.#events.linkWritable(link)
  }

  pong(link: WebSocketLink): void {
    this.#heartbeats.pong(link, performance.now())
  }

  heard(link: WebSocketLink): void {
    this.#heartbeats.heard(link, performance.now())
  }

  ended(link: WebSocketLink, reason: string): void {
    this.#links.delete(link)
    this.#heartbeats.end(link)
    this.#events.linkClosed(link, reason)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const link of this.#links) link.close()
  }
}
