/**
 * Engine.IO packets over HTTP long polling by `fetch`, the same in browsers and Node: one GET at a time waits for
 * packets, one POST at a time brings some.
 */
import type { Data } from '../wire/frames.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { type Carrier, type CarrierEvents, type Handshake, LINGER_MS } from './carrier.ts'

const SEPARATOR = '\x1e'

export class PollingCarrier implements Carrier {
  ahead = 0
  readonly #url: URL
  readonly #events: CarrierEvents
  readonly #abort = new AbortController()
  #maxPayload = 0
  #queue: string[] = []
  #posting = false
  #requests = 0
  #linger: ReturnType<typeof setTimeout> | undefined
  #over = false

  constructor(url: URL, events: CarrierEvents) {
    this.#url = url
    this.#events = events
    void this.#poll()
  }

  /** Before this nothing can be sent. */
  opened({ sid, maxPayload }: Handshake): void {
    this.#url.searchParams.set('sid', sid)
    this.#maxPayload = maxPayload
  }

  send(packets: readonly Data[]): void {
    for (const packet of packets) {
      const text = typeof packet === 'string' ? packet : `b${toBase64(packet)}`
      this.#queue.push(text)
      this.ahead += text.length
    }
    if (!this.#posting) void this.#post()
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    if (this.#maxPayload === 0) this.#abort.abort()
    else {
      this.send(['1'])
      this.#linger = setTimeout(() => this.#abort.abort(), LINGER_MS)
    }
  }

  async #poll(): Promise<void> {
    while (!this.#over) {
      const payload = await this.#request('GET')
      if (payload === null || this.#over) return
      for (const packet of payload.split(SEPARATOR)) {
        const data = packet.startsWith('b') ? bytesOf(packet.slice(1)) : packet
        if (data === null) return this.#closed()
        if (!this.#over) this.#events.packet(data)
      }
    }
  }

  async #post(): Promise<void> {
    this.#posting = true
    while (this.#queue.length > 0) {
      const payload = this.#take()
      if ((await this.#request('POST', payload.join(SEPARATOR))) === null) return
      for (const packet of payload) this.ahead -= packet.length
    }
    this.#posting = false
    if (!this.#over) this.#events.written()
  }

  /** As many packets as one payload may surely hold, three bytes a character; one alone whatever its size. */
  #take(): string[] {
    let size = 0
    let count = 0
    for (const packet of this.#queue) {
      size += 3 * packet.length + 1
      if (count > 0 && size > this.#maxPayload) break
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  /** @returns null where it failed; that ends this carrier */
  async #request(method: string, body: string | null = null): Promise<string | null> {
    this.#requests += 1
    try {
      const headers: Record<string, string> =
        body === null ? {} : { 'content-type': 'text/plain;charset=UTF-8' }
      const { signal } = this.#abort
      const response = await fetch(this.#url, { method, body, headers, signal, cache: 'no-store' })
      const text = await response.text()
      if (response.ok) return text
    } catch {
      // Cut, refused, or aborted by us.
    } finally {
      this.#requests -= 1
      if (this.#requests === 0) clearTimeout(this.#linger)
    }
    this.#closed()
    return null
  }

  #closed(): void {
    if (this.#over) return
    this.#over = true
    this.#abort.abort()
    this.#events.closed()
  }
}

function bytesOf(base64: string): Uint8Array | null {
  try {
    return fromBase64(base64)
  } catch {
    return null
  }
}
