/**
 * The frames of PROTOCOL.md: what each is made of, and, with greeting-frames.ts, the one place where a peer's `unknown` is parsed.
 */
import { type Checksum, checksum } from './checksum.ts'
import { isCount, parseGone, parseHello, parseObject, parseWelcome } from './greeting-frames.ts'
import { decodeBody, encodeBody } from './values.ts'

export const VERSION = 1

/** What a link carries: the data of one Engine.IO message. */
export type Data = string | Uint8Array

/**
 * One encoded counted frame. A broadcast makes one and every member's outbox holds the same object, so its checksum is
 * made once.
 */
export class Frame {
  readonly data: Data
  readonly crc: number
  /** Bytes of UTF-8 or binary. */
  readonly size: number

  constructor(data: Data, { crc, size }: Checksum = checksum(data)) {
    this.data = data
    this.crc = crc
    this.size = size
  }
}

/** C→S, first on every link. Counts are of counted frames since the session began. */
export interface Hello {
  readonly version: number
  /** 128 random bits, base64url, made by the client for one session. A secret. */
  readonly key: string
  /** The session to resume; absent until a welcome named it. */
  readonly id: string | undefined
  /** Random per page or process. */
  readonly instance: string
  /** Rises with every hello of an instance. */
  readonly attempt: number
  readonly sent: number
  readonly received: number
  /** Rolling check over the `received` frames. */
  readonly check: number
  readonly auth: unknown
}

export interface Limits {
  /** Largest frame in bytes. */
  readonly payloadBytes: number
  /** What the server keeps for this client while it is away, in bytes. */
  readonly outboxBytes: number
}

/** S→C, answers hello. */
export interface Welcome {
  readonly id: string
  /** Number of the first counted frame this link will carry. */
  readonly from: number
  /** The client replays from `taken + 1`. */
  readonly taken: number
  /** What the client may forget. */
  readonly handled: number
  /** Rolling check over the `taken` frames. */
  readonly check: number
  /** Counted frames of the session so far: what the client has not received of them follows at once. */
  readonly sent: number
  readonly graceMs: number
  readonly limits: Limits
}

/** S→C: this session cannot be resumed. Numbers ≤ handled were delivered, ≤ taken unknown, the rest not delivered. */
export interface Gone {
  readonly code: string
  readonly handled: number
  readonly taken: number
}

export interface Close {
  readonly code: string
  readonly reason: string
  /** With `taken_over`: who has the session now. */
  readonly instance: string | undefined
}

export type AnswerResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string }

export interface EventBody {
  readonly name: string
  readonly args: unknown[]
}

/** A parsed frame. `event` and `answer` are counted, the others are not. */
export type Message =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'welcome'; readonly welcome: Welcome }
  | { readonly type: 'gone'; readonly gone: Gone }
  | { readonly type: 'event'; readonly event: EventBody; readonly wantsAnswer: boolean }
  | { readonly type: 'answer'; readonly to: number; readonly result: AnswerResult }
  | { readonly type: 'volatile'; readonly event: EventBody }
  | { readonly type: 'received'; readonly count: number }
  | { readonly type: 'drain'; readonly afterMs: number }
  | { readonly type: 'retry'; readonly afterMs: number }
  | { readonly type: 'close'; readonly close: Close }

/** First character (or byte) of each frame, and which side may send it. */
export const TYPES = {
  hello: 'h',
  welcome: 'w',
  gone: 'g',
  event: 'e',
  question: 'q',
  answer: 'a',
  volatile: 'v',
  received: 'r',
  drain: 'd',
  retry: 'y',
  close: 'c',
} as const

export type From = 'client' | 'server'

const EVENT_NAME_MAX = 256

/** 1 to 256 characters. Which names are reserved is each side's own business. */
export function isEventName(name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= EVENT_NAME_MAX
}

export function encodeEvent(name: string, args: unknown[], wantsAnswer = false): Data {
  return encodeBody(wantsAnswer ? TYPES.question : TYPES.event, [name, ...args])
}

export function encodeVolatile(name: string, args: unknown[]): Data {
  return encodeBody(TYPES.volatile, [name, ...args])
}

export function encodeAnswer(to: number, result: AnswerResult): Data {
  if (!result.ok) return encodeBody(TYPES.answer, [to, false, result.code, result.message])
  return encodeBody(TYPES.answer, result.value === undefined ? [to, true] : [to, true, result.value])
}

export function encodeHello(hello: Hello): string {
  return TYPES.hello + JSON.stringify(hello)
}

export function encodeWelcome(welcome: Welcome): string {
  return TYPES.welcome + JSON.stringify(welcome)
}

export function encodeGone(gone: Gone): string {
  return TYPES.gone + JSON.stringify(gone)
}

export function encodeClose(code: string, reason: string, instance?: string): string {
  return TYPES.close + JSON.stringify({ code, reason, instance })
}

/** `received`, `drain` (ms, counted from the cut) and `retry` (ms): one whole number. */
export function encodeNumber(type: 'received' | 'drain' | 'retry', value: number): string {
  return TYPES[type] + String(value)
}

/** Parses what the peer sent; null is a protocol error. Frames of the wrong direction are malformed. */
export function parseFrame(data: Data, from: From): Message | null {
  return from === 'client' ? parseClientFrame(data) : parseServerFrame(data)
}

// Apart, so that what browsers load does not hold what only a server reads.

export function parseClientFrame(data: Data): Message | null {
  return data[0] === TYPES.hello ? parseHello(String(data).slice(1)) : parseCommon(data, 'client')
}

export function parseServerFrame(data: Data): Message | null {
  if (data[0] === TYPES.welcome) return parseWelcome(String(data).slice(1))
  if (data[0] === TYPES.gone) return parseGone(String(data).slice(1))
  return parseCommon(data, 'server')
}

function parseCommon(data: Data, from: From): Message | null {
  const type = typeof data === 'string' ? data.charAt(0) : String.fromCharCode(data[0] ?? 0)
  switch (type) {
    case TYPES.event:
    case TYPES.question: {
      const event = parseEvent(data)
      return event && { type: 'event', event, wantsAnswer: type === TYPES.question }
    }
    case TYPES.volatile: {
      const event = parseEvent(data)
      return event && { type: 'volatile', event }
    }
    case TYPES.answer:
      return parseAnswer(data)
  }
  if (typeof data !== 'string') return null
  const body = data.slice(1)
  switch (type) {
    case TYPES.received:
    case TYPES.drain:
    case TYPES.retry:
      return parseNumber(type, body, from)
    case TYPES.close:
      return parseClose(body)
    default:
      return null
  }
}

function parseEvent(data: Data): EventBody | null {
  const body = decodeBody(data)
  if (!body || !isEventName(body[0])) return null
  return { name: body[0], args: body.slice(1) }
}

function parseAnswer(data: Data): Message | null {
  const body = decodeBody(data)
  if (!body || !isCount(body[0])) return null
  const [to, ok, value, message] = body
  if (ok === true) return { type: 'answer', to, result: { ok: true, value } }
  if (ok !== false || typeof value !== 'string' || typeof message !== 'string') return null
  return { type: 'answer', to, result: { ok: false, code: value, message } }
}

function parseNumber(type: string, body: string, from: From): Message | null {
  if (!/^\d{1,16}$/.test(body)) return null
  const value = Number(body)
  if (!Number.isSafeInteger(value)) return null
  if (type === TYPES.received) return { type: 'received', count: value }
  if (from !== 'server') return null
  return { type: type === TYPES.drain ? 'drain' : 'retry', afterMs: value }
}

function parseClose(body: string): Message | null {
  const value = parseObject(body)
  if (!value || typeof value.code !== 'string' || typeof value.reason !== 'string') return null
  const instance = typeof value.instance === 'string' ? value.instance : undefined
  return { type: 'close', close: { code: value.code, reason: value.reason, instance } }
}
