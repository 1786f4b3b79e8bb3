/**
 * The only import of engine.io-client: one live connection, WebSocket or long polling, never engine.io's own upgrade
 * (it can wedge a client until its ping timeout). Numbers frames on polling; knows nothing of sessions.
 */
import { Fetch, Socket, type TransportName } from 'engine.io-client'
import type { Data } from '../wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../wire/numbered.ts'

export type LinkTransport = 'websocket' | 'polling'

/** Where links lead. */
export interface Target {
  readonly secure: boolean
  readonly hostname: string
  readonly port: string
  /** Ends in `/<segment>/`. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
}

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
  /** Bytes that were sent here and have not left; 0 where the transport cannot tell. */
  readonly ahead: number
  /** When the peer was last heard, in ms of performance.now. */
  readonly heardAt: number
  send(frames: readonly Data[]): void
  /** What was sent still leaves, within a second. No event follows. */
  close(): void
}

export type OpenLink = (target: Target, transport: LinkTransport, events: LinkEvents) => Link

/** Past this many bytes on their way a link takes no more; the rest waits in the outbox. */
const HIGH_BYTES = 256 * 1024
/** A WebSocket tells nobody when its buffer empties. */
const LOOK_AGAIN_MS = 20
const CLOSED = 3
/** A peer that does not answer a close is left after this. */
const LINGER_MS = 1000

/** The WebSocket below engine.io's transport; `terminate` exists in Node, where `close` may wait 30 s for the peer. */
interface RawWebSocket {
  readonly bufferedAmount: number
  readonly readyState: number
  addEventListener(type: 'close', listener: () => void): void
  terminate?(): void
}

/**
 * Long polling by `fetch`, the same in browsers and Node. engine.io-client's own does not catch a body that breaks off
 * (an unhandled rejection ends a Node process), and leaves requests to a silent server open for ever.
 */
class PollingTransport extends Fetch {
  readonly #abort = new AbortController()
  #requests = 0
  #linger: ReturnType<typeof setTimeout> | undefined

  override doPoll(): void {
    this.#request('GET', null).then(
      (text) => this.onData(text),
      (error) => this.onError('poll failed', error),
    )
  }

  override doWrite(data: string, callback: () => void): void {
    this.#request('POST', data).then(callback, (error) => this.onError('post failed', error))
  }

  /** Requests that are still open get this long. */
  abortAfter(ms: number): void {
    if (this.#requests > 0) this.#linger = setTimeout(() => this.#abort.abort(), ms)
  }

  async #request(method: string, body: string | null): Promise<string> {
    this.#requests += 1
    try {
      const headers = body === null ? {} : { 'content-type': 'text/plain;charset=UTF-8' }
      const response = await fetch(this.uri(), { method, body, headers, signal: this.#abort.signal })
      const text = await response.text()
      if (!response.ok) throw new Error(`status ${response.status}`)
      return text
    } finally {
      this.#requests -= 1
      if (this.#requests === 0) clearTimeout(this.#linger)
    }
  }
}

export const openLink: OpenLink = (target, transport, events) => new EngineLink(target, transport, events)

class EngineLink implements Link {
  readonly transport: LinkTransport
  heardAt = performance.now()
  readonly #engine: Socket
  readonly #events: LinkEvents
  readonly #numbers: { readonly sender: NumberedSender; readonly receiver: NumberedReceiver } | null
  readonly #raw: RawWebSocket | null
  /** Bytes given to engine.io since it last had nothing to write. */
  #unwritten = 0
  #blocked = false
  #look: ReturnType<typeof setTimeout> | undefined
  #over = false

  constructor(target: Target, transport: LinkTransport, events: LinkEvents) {
    this.transport = transport
    this.#events = events
    this.#numbers =
      transport === 'polling' ? { sender: new NumberedSender(), receiver: new NumberedReceiver() } : null
    const { hostname, port, secure, path, query } = target
    const transports = transport === 'polling' ? [PollingTransport] : (['websocket'] as TransportName[])
    this.#engine = new Socket({
      ...{ hostname, port, secure, path },
      query: { ...query, limpet: '1' },
      transports,
      upgrade: false,
      rememberUpgrade: false,
      closeOnBeforeunload: false,
    })
    this.#engine.binaryType = 'arraybuffer'
    this.#engine
      .on('open', () => this.#over || events.opened())
      .on('heartbeat', () => this.#heard())
      .on('message', (data: unknown) => this.#message(data))
      .on('drain', () => this.#drained())
      .on('close', () => this.#closed())
    this.#raw = (this.#engine.transport as unknown as { ws?: RawWebSocket }).ws ?? null
    // Where `new WebSocket` throws, engine.io-client emits the error before anyone can listen.
    if (transport === 'websocket' && !this.#raw) queueMicrotask(() => this.#closed())
  }

  get writable(): boolean {
    const takes = this.transport === 'polling' ? this.#unwritten === 0 : this.ahead < HIGH_BYTES
    if (!takes) this.#block()
    return takes
  }

  send(frames: readonly Data[]): void {
    const { writeBuffer } = this.#engine
    const packets = frames.map((frame) => {
      const data = this.#numbers ? this.#numbers.sender.encode(frame) : frame
      this.#unwritten += data.length
      return data as string
    })
    const last = packets.pop()
    if (last === undefined) return
    // `send` would give the first one a POST of its own.
    for (const data of packets) writeBuffer.push({ type: 'message', data })
    this.#engine.send(last)
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    this.#engine.close()
    this.#leave()
  }

  #heard(): void {
    this.heardAt = performance.now()
  }

  #message(raw: unknown): void {
    if (this.#over) return
    const data: Data = typeof raw === 'string' ? raw : new Uint8Array(raw as ArrayBuffer)
    const result = this.#numbers ? this.#numbers.receiver.decode(data) : { ok: true as const, data }
    if (result.ok) this.#events.frame(result.data)
    // A repeat is what a retried request brings; anything else means that a frame is missing.
    else if (result.reason !== 'repeat') this.#broken()
  }

  #drained(): void {
    this.#unwritten = 0
    if (this.#over || !this.#blocked) return
    if (this.ahead >= HIGH_BYTES) return
    this.#blocked = false
    clearTimeout(this.#look)
    this.#events.drained()
  }

  get ahead(): number {
    return this.#unwritten + (this.#raw?.bufferedAmount ?? 0)
  }

  #block(): void {
    if (this.#blocked || this.#over) return
    this.#blocked = true
    if (this.#raw) this.#look = setTimeout(() => this.#lookAgain(), LOOK_AGAIN_MS)
  }

  #lookAgain(): void {
    if (this.ahead >= HIGH_BYTES) this.#look = setTimeout(() => this.#lookAgain(), LOOK_AGAIN_MS)
    else {
      this.#blocked = false
      this.#events.drained()
    }
  }

  #broken(): void {
    this.close()
    this.#events.closed()
  }

  /** engine.io is done with it, by itself or after `close`. */
  #closed(): void {
    if (this.#over) return
    this.#over = true
    this.#leave()
    this.#events.closed()
  }

  #leave(): void {
    clearTimeout(this.#look)
    const { transport } = this.#engine
    if (transport instanceof PollingTransport) transport.abortAfter(LINGER_MS)
    const raw = this.#raw
    if (!raw?.terminate || raw.readyState === CLOSED) return
    const linger = setTimeout(() => raw.terminate?.(), LINGER_MS)
    raw.addEventListener('close', () => clearTimeout(linger))
  }
}
