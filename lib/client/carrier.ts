/** What carries the packets of Engine.IO 4: a WebSocket, or HTTP long polling. */
import type { Data } from '../wire/frames.ts'

export interface Carrier {
  /** Bytes that were sent here and have not left. */
  readonly ahead: number
  /** Text is a whole packet, bytes are a message's. */
  send(packets: readonly Data[]): void
  /** What was sent still leaves, within a second. */
  close(): void
}

/** None comes before the constructor of a carrier has returned, and none after `closed`. */
export interface CarrierEvents {
  packet(packet: Data): void
  /** All that was sent has left; a WebSocket does not tell. */
  written(): void
  closed(): void
}

/** The server's first packet, as far as it matters here. */
export interface Handshake {
  readonly sid: string
  /** Milliseconds without a ping after which the server is gone. */
  readonly silenceMs: number
  /** Most bytes of one polling payload. */
  readonly maxPayload: number
}

/** A peer that does not answer a close is left after this. */
export const LINGER_MS = 1000

/** null where the packet is malformed. */
export function parseHandshake(json: string): Handshake | null {
  try {
    const { sid, pingInterval, pingTimeout, maxPayload } = JSON.parse(json) as Record<string, unknown>
    const silenceMs = Number(pingInterval) + Number(pingTimeout)
    if (typeof sid !== 'string' || !(silenceMs > 0)) return null
    return { sid, silenceMs, maxPayload: Number(maxPayload) || Number.POSITIVE_INFINITY }
  } catch {
    return null
  }
}
