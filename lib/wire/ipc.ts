/**
 * Messages between the primary and its workers, over node:cluster's channel with `advanced` serialization.
 * Room messages never travel here: a message queued behind a handle waits for the worker's turn.
 */

/** What a worker must know before it can serve. */
export interface Start {
  readonly type: 'start'
  /** The worker's lasting name: 0 … workers − 1. */
  readonly slot: number
  readonly workers: number
  /** Rises with every process the primary ever started; names this process's sockets. */
  readonly generation: number
  /** Keyed placement of segments and rooms, and hashes of clients' keys. A secret. */
  readonly placementKey: Uint8Array
  /** Private directory (0700) of the unix sockets: `bus-<slot>-<generation>` and `http-<slot>-<generation>`. */
  readonly socketDirectory: string
  /** Absolute path of the application module; null for the built-in chat. */
  readonly app: string | null
  /** Values of lib/options.ts, by option name. */
  readonly options: Readonly<Record<string, unknown>>
  /** Null: connections are plain. */
  readonly certificate: Certificate | null
  /** Another process still holds the slot: load the application, say so, and wait for `recover`. */
  readonly waits: boolean
}

/** What a worker needs to speak TLS. Secrets. */
export interface Certificate {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** The same for all workers: a client goes on with its TLS session at whichever it meets. */
  readonly ticketKeys: Uint8Array
}

export type ToWorker =
  | Start
  /**
   * Comes with a TCP handle; `head` is every byte read from it so far but for a PROXY header, `address` what that
   * said of the client.
   */
  | { readonly type: 'connection'; readonly head: Uint8Array; readonly address: string | null }
  /** Another one, for connections from now on. */
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  /** Which generation now holds each slot; index is the slot, 0 means none. */
  | { readonly type: 'fleet'; readonly generations: readonly number[] }
  /** The process before has ended: take the slot over. */
  | { readonly type: 'recover' }
  /** Another process takes the slot over: tell the clients, write the last turn, exit 0. */
  | { readonly type: 'drain' }
  /** Refuse what is new, close what is open, exit 0. */
  | { readonly type: 'stop' }
  /** Say how you are, from now on. */
  | { readonly type: 'watch'; readonly everyMs: number }

/** How a worker is. */
export interface Vitals {
  readonly sessions: number
  /** Sessions that have ended and are remembered. */
  readonly ended: number
  /** Of sessions; the rest of them waits for its client. */
  readonly links: number
  readonly rawLinks: number
  /** Whose home is there. */
  readonly rooms: number
  /** Not known to be received: by clients, … */
  readonly outboxBytes: number
  /** … by other workers. */
  readonly busBytes: number
  /** How late its event loop was since it said so last. */
  readonly loopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly rssBytes: number
  readonly heapBytes: number
}

/** Slots' files of one generation. */
export interface SlotFiles {
  readonly path: string
  readonly workers: number
}

/** To the program that deals the journals of one number of workers to another. */
export interface Deal {
  readonly from: SlotFiles
  readonly to: SlotFiles
  readonly placementKey: Uint8Array
  /** Values of lib/options.ts, by option name. */
  readonly options: Readonly<Record<string, unknown>>
}

export type Dealt =
  | { readonly type: 'dealt'; readonly sessions: number }
  /** One sentence. */
  | { readonly type: 'failed'; readonly reason: string }

export type ToPrimary =
  /** The process listens on its channel; nothing may be sent before. */
  | { readonly type: 'up' }
  /** The application is loaded; the slot is not taken over yet. Only who `waits` says so. */
  | { readonly type: 'loaded' }
  /** The application is loaded, engine, unix sockets and sessions are up. */
  | { readonly type: 'ready' }
  /** The worker cannot start; one sentence for stderr. `fatal`: trying again would not help. */
  | { readonly type: 'failed'; readonly reason: string; readonly fatal: boolean }
  /** Writing the journal fails, or works again. */
  | { readonly type: 'journal'; readonly failing: boolean }
  | { readonly type: 'vitals'; readonly vitals: Vitals }
  /** Everything is closed; the process exits next. */
  | { readonly type: 'stopped' }

const TO_WORKER = new Set([
  'start',
  'connection',
  'certificate',
  'fleet',
  'recover',
  'drain',
  'stop',
  'watch',
])
const TO_PRIMARY = new Set(['up', 'loaded', 'ready', 'failed', 'journal', 'vitals', 'stopped'])

/** The channel belongs to one program, so the type name is proof enough of the shape. */
export function isToWorker(message: unknown): message is ToWorker {
  return hasType(message, TO_WORKER)
}

export function isToPrimary(message: unknown): message is ToPrimary {
  return hasType(message, TO_PRIMARY)
}

function hasType(message: unknown, types: Set<string>): boolean {
  return (
    typeof message === 'object' &&
    message !== null &&
    types.has((message as { type?: unknown }).type as string)
  )
}
