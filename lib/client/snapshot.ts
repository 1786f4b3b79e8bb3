/** What a page leaves of its session for the next one, as text for a storage. It holds the session's key: a secret. */
import type { Data } from '../wire/frames.ts'
import { isCount, isToken } from '../wire/greeting-frames.ts'
import { fromBase64, toBase64 } from './base64.ts'

export interface Snapshot {
  /** Where the session waits. */
  readonly segment: string
  /** Names the lock of the page that owns the session. */
  readonly owner: string
  readonly key: string
  readonly id: string | null
  readonly payloadBytes: number
  /** Our messages 1 … sent were written to some link. */
  readonly sent: number
  /** Our messages 1 … base were handled; the check is over them. */
  readonly base: number
  readonly baseCheck: number
  /** The server's messages 1 … received have come; the check is over them. */
  readonly received: number
  readonly check: number
  /** Those above base: the event's name, null for an answer, and the frame. */
  readonly outbox: readonly (readonly [name: string | null, data: Data])[]
}

const VERSION = 1
const TOKENS = ['segment', 'owner', 'key'] as const
const COUNTS = ['payloadBytes', 'sent', 'base', 'baseCheck', 'received', 'check'] as const

export function encodeSnapshot({ outbox, ...rest }: Snapshot): string {
  const frames = outbox.map(([name, data]) => [name, typeof data === 'string' ? data : [toBase64(data)]])
  return JSON.stringify({ version: VERSION, ...rest, outbox: frames })
}

/** null where it is none of this version: anybody may have written there. */
export function parseSnapshot(text: string): Snapshot | null {
  try {
    const value = JSON.parse(text) as Record<string, unknown>
    const { version, ...rest } = value
    const { id, outbox } = rest
    if (version !== VERSION || !(id === null || isToken(id)) || !TOKENS.every((name) => isToken(value[name])))
      return null
    if (!COUNTS.every((name) => isCount(value[name]))) return null
    const frames = (outbox as [string | null, string | [string]][]).map(([name, data]) => {
      if (name !== null && typeof name !== 'string') throw new TypeError()
      return [name, typeof data === 'string' ? data : fromBase64(data[0])] as const
    })
    return { ...(rest as unknown as Snapshot), outbox: frames }
  } catch {
    return null
  }
}
