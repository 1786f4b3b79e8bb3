/** What `connect` is given: defaults and checks. A wrong value is the caller's bug: TypeError. */
import { isToken } from '../wire/greeting-frames.ts'
import type { ConnectorOptions } from './connector.ts'
import type { Vault } from './keeper.ts'
import type { LinkTransport } from './link.ts'

export interface ClientOptions {
  /** In the order they are tried; one alone is allowed. Default `['websocket', 'polling']`. */
  readonly transports?: readonly LinkTransport[]
  /**
   * For `server.use`, with the first hello of each session: a value, or a function asked each time. What the function
   * throws is tried again later, unless it is a LimpetError that says never.
   */
  readonly auth?: unknown
  /** The piece of path that finds the worker: `[A-Za-z0-9_-]{1,64}`. Default: 22 random characters. */
  readonly segment?: string
  /** Most milliseconds before the first reconnect; doubles with each one in vain. Default 500. */
  readonly reconnectDelayMs?: number
  /** Most milliseconds between two tries. Default 10000. */
  readonly reconnectDelayMaxMs?: number
  /** Milliseconds for a connection to open, and once more for the server's welcome. Default 10000. */
  readonly connectTimeoutMs?: number
  /** Most bytes of messages the server has not yet handled; `emit` throws `outbox_full` past it. Default 1 MiB. */
  readonly outboxBytes?: number
  /**
   * Where a page that is left or reloaded keeps its session for the next one: `sessionStorage`. Default: nowhere, each page
   * has a session of its own. One client for each URL of `connect`.
   */
  readonly storage?: Vault | null
  /**
   * Told what happens below: links and tries beside all events of the client itself. Nothing secret is among it. What is said
   * is for people, and may change.
   */
  readonly debug?: (what: string, details: unknown) => void
}

export interface ParsedOptions {
  readonly connector: ConnectorOptions
  readonly segment: string
  readonly outboxBytes: number
  readonly debug: (what: string, details: unknown) => void
  readonly auth: () => unknown
}

const SCHEME = /^(http|ws)(s?:)$/

export function parseOptions(
  url: string | URL,
  options: ClientOptions,
  drawSegment: () => string,
): ParsedOptions {
  const { transports = ['websocket', 'polling'], auth, debug = () => {} } = options
  if (transports.length === 0 || transports.some((name) => name !== 'websocket' && name !== 'polling'))
    throw new TypeError("transports must be a list of 'websocket' and 'polling'")
  const segment = options.segment ?? drawSegment()
  if (!isToken(segment)) throw new TypeError('segment must be 1 to 64 of A-Z a-z 0-9 _ -')
  return {
    connector: {
      target: targetOf(url, segment),
      transports: [...new Set(transports)],
      reconnectDelayMs: positive(options, 'reconnectDelayMs', 500),
      reconnectDelayMaxMs: positive(options, 'reconnectDelayMaxMs', 10_000),
      connectTimeoutMs: positive(options, 'connectTimeoutMs', 10_000),
    },
    segment,
    debug,
    outboxBytes: positive(options, 'outboxBytes', 1024 * 1024),
    auth: typeof auth === 'function' ? (auth as () => unknown) : () => auth,
  }
}

type NumberOption = 'reconnectDelayMs' | 'reconnectDelayMaxMs' | 'connectTimeoutMs' | 'outboxBytes'

function positive(options: ClientOptions, name: NumberOption, fallback: number): number {
  const value = options[name] ?? fallback
  if (!Number.isFinite(value) || value <= 0) throw new TypeError(`${name} must be a positive number`)
  return value
}

function targetOf(url: string | URL, segment: string): URL {
  const base = typeof location === 'undefined' ? undefined : location.href
  const { protocol, host, pathname, search } = new URL(url, base)
  if (!SCHEME.test(protocol)) throw new TypeError(`cannot connect to ${protocol} URLs`)
  const path = pathname === '/' ? '/api/' : pathname.replace(/\/?$/, '/')
  // Names and passwords within a URL are refused by `fetch`; `auth` is the place for them.
  return new URL(`${protocol.replace('ws', 'http')}//${host}${path}${segment}/${search}`)
}
