/** Engine.IO packets over a WebSocket: one message each. */
import type { Data } from '../wire/frames.ts'
import { type Carrier, type CarrierEvents, LINGER_MS } from './carrier.ts'

/** `terminate` exists in Node, where `close` may wait 30 s for the peer. */
type Socket = WebSocket & { terminate?(): void }

/** Node 20 has no WebSocket of its own. */
async function newSocket(url: string): Promise<Socket> {
  // False in what browsers load, and dropped with all it holds.
  if (typeof process === 'object' && process.versions?.node && !('Deno' in globalThis)) {
    const { WebSocket } = await import('ws')
    return new WebSocket(url, { perMessageDeflate: false }) as unknown as Socket
  }
  return new WebSocket(url)
}

export class WebSocketCarrier implements Carrier {
  readonly #events: CarrierEvents
  #socket: Socket | null = null
  #over = false

  constructor(url: URL, events: CarrierEvents) {
    this.#events = events
    url.protocol = url.protocol.replace('http', 'ws')
    void this.#open(url.href)
  }

  get ahead(): number {
    return this.#socket?.bufferedAmount ?? 0
  }

  send(packets: readonly Data[]): void {
    for (const packet of packets) this.#socket?.send(packet as string)
  }

  close(): void {
    this.#over = true
    const socket = this.#socket
    socket?.close()
    if (typeof process === 'object' && socket?.terminate && socket.readyState !== socket.CLOSED) {
      const linger = setTimeout(() => socket.terminate?.(), LINGER_MS)
      socket.addEventListener('close', () => clearTimeout(linger))
    }
  }

  async #open(url: string): Promise<void> {
    try {
      const socket = await newSocket(url)
      this.#socket = socket
      socket.binaryType = 'arraybuffer'
      socket.onmessage = ({ data }) => {
        if (!this.#over) this.#events.packet(typeof data === 'string' ? data : new Uint8Array(data))
      }
      socket.onclose = () => this.#closed()
      // A close follows; in Node an error that nobody hears is thrown.
      socket.onerror = () => {}
      if (this.#over) this.close()
    } catch {
      // The page's policy forbids it, or the URL.
      this.#closed()
    }
  }

  #closed(): void {
    if (this.#over) return
    this.#over = true
    this.#events.closed()
  }
}
