/**
 * One live connection: Engine.IO 4 over a WebSocket or long polling, never an upgrade between them (it can wedge a client
 * until its ping timeout). Numbers frames on polling; knows nothing of sessions.
 */
import type { Data } from '../wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../wire/numbered.ts'
import { type Carrier, type CarrierEvents, parseHandshake } from './carrier.ts'
import { PollingCarrier } from './polling.ts'
import { WebSocketCarrier } from './websocket.ts'

export type LinkTransport = 'websocket' | 'polling'

/** None comes after `closed`, and none before `openLink` has returned. */
export interface LinkEvents {
  opened(): void
  frame(data: Data): void
  /** It takes more again, after `writable` was false. */
  drained(): void
  closed(): void
}

export interface Link {
  readonly transport: LinkTransport
  readonly writable: boolean
  /** Bytes that were sent here and have not left. */
  readonly ahead: number
  /** When the peer was last heard, in ms of performance.now. */
  readonly heardAt: number
  send(frames: readonly Data[]): void
  /** What was sent still leaves, within a second. No event follows. */
  close(): void
}

/** @param target `http:` or `https:`, with a path that ends in `/<segment>/` */
export type OpenLink = (target: URL, transport: LinkTransport, events: LinkEvents) => Link

/** Past this many bytes on their way a link takes no more; the rest waits in the outbox. */
const HIGH_BYTES = 256 * 1024
/** A WebSocket tells nobody when its buffer empties. */
const LOOK_AGAIN_MS = 20

export const openLink: OpenLink = (target, transport, events) => new EngineLink(target, transport, events)

class EngineLink implements Link {
  readonly transport: LinkTransport
  heardAt = performance.now()
  readonly #events: LinkEvents
  readonly #carrier: Carrier
  readonly #numbers: { readonly sender: NumberedSender; readonly receiver: NumberedReceiver } | null
  #blocked = false
  #look: ReturnType<typeof setTimeout> | undefined
  /** Longer than this without a ping, and the server is gone; 0 before its handshake. */
  #silenceMs = 0
  #silence: ReturnType<typeof setTimeout> | undefined
  #over = false

  constructor(target: URL, transport: LinkTransport, events: LinkEvents) {
    this.transport = transport
    this.#events = events
    const isPolling = transport === 'polling'
    this.#numbers = isPolling ? { sender: new NumberedSender(), receiver: new NumberedReceiver() } : null
    const url = new URL(target)
    for (const [name, value] of Object.entries({ EIO: '4', transport, limpet: '1' }))
      url.searchParams.set(name, value)
    const heard: CarrierEvents = {
      packet: (packet) => this.#over || this.#packet(packet),
      written: () => this.#lookAgain(),
      closed: () => this.#closed(),
    }
    this.#carrier = new (isPolling ? PollingCarrier : WebSocketCarrier)(url, heard)
  }

  get ahead(): number {
    return this.#carrier.ahead
  }

  get writable(): boolean {
    const takes = this.#takesMore()
    if (!takes && !this.#blocked && !this.#over) {
      this.#blocked = true
      this.#lookLater()
    }
    return takes
  }

  send(frames: readonly Data[]): void {
    this.#carrier.send(
      frames.map((frame) => {
        const data = this.#numbers ? this.#numbers.sender.encode(frame) : frame
        return typeof data === 'string' ? `4${data}` : data
      }),
    )
  }

  close(): void {
    if (this.#over) return
    this.#leave()
    this.#carrier.close()
  }

  #packet(packet: Data): void {
    this.heardAt = performance.now()
    if (typeof packet !== 'string') return this.#message(packet)
    const body = packet.slice(1)
    switch (packet[0]) {
      case '0':
        return this.#handshake(body)
      case '1':
        return this.#broken()
      case '2':
        this.#giveTime()
        return this.#carrier.send([`3${body}`])
      case '4':
        return this.#message(body)
    }
    // `6`: an answer to a poll without anything in it.
    if (packet !== '6') this.#broken()
  }

  #handshake(json: string): void {
    const handshake = parseHandshake(json)
    if (handshake === null || this.#silenceMs > 0) return this.#broken()
    if (this.#carrier instanceof PollingCarrier) this.#carrier.opened(handshake)
    this.#silenceMs = handshake.silenceMs
    this.#giveTime()
    this.#events.opened()
  }

  #giveTime(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#broken(), this.#silenceMs)
  }

  #message(raw: Data): void {
    const result = this.#numbers ? this.#numbers.receiver.decode(raw) : { ok: true as const, data: raw }
    if (result.ok) this.#events.frame(result.data)
    // A repeat is what a retried request brings; anything else means that a frame is missing.
    else if (result.reason !== 'repeat') this.#broken()
  }

  #takesMore(): boolean {
    return this.#numbers ? this.ahead === 0 : this.ahead < HIGH_BYTES
  }

  #lookLater(): void {
    if (!this.#numbers) this.#look = setTimeout(() => this.#lookAgain(), LOOK_AGAIN_MS)
  }

  #lookAgain(): void {
    if (this.#over || !this.#blocked) return
    if (!this.#takesMore()) return this.#lookLater()
    this.#blocked = false
    this.#events.drained()
  }

  /** By the server, or because of it. */
  #broken(): void {
    if (this.#over) return
    this.close()
    this.#events.closed()
  }

  /** The carrier is at its end. */
  #closed(): void {
    if (this.#over) return
    this.#leave()
    this.#events.closed()
  }

  #leave(): void {
    this.#over = true
    clearTimeout(this.#look)
    clearTimeout(this.#silence)
  }
}
