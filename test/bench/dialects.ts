/** How each stack is spoken: text messages by hand. Payloads are ASCII without quotes, so that JSON leaves them as they are. */
import { randomBytes } from 'node:crypto'

export interface Dialect {
  /** Up to the query of a link; `segment` where the stack has them. */
  path(segment: string): string
  readonly query: string
  /** Whether the server speaks first, with Engine.IO's open packet. */
  readonly opens: boolean
  /** Answers the open packet; null: the client is in. */
  hello(): string | null
  isWelcome(text: string): boolean
  join(room: string): string
  /** Of each room. */
  isJoined(text: string): boolean
  say(room: string, payload: string): string
  /** Where the payload begins in what members get. */
  readonly saidAt: number
  /** @param n numbers a client's questions from 1 */
  ask(payload: string, n: number): string
  /** Says that the client leaves, ahead of the transport's own end. */
  readonly farewell: string | null
  /** Whether the client counts: which messages, and how it says so. */
  readonly counts: { is(payload: Buffer): boolean; received(count: number): string } | null
  /** Whether frames carry numbers on polling. */
  readonly numbered: boolean
}

const token = (): string => randomBytes(16).toString('base64url')

const [A, E, Q] = ['a', 'e', 'q'].map((letter) => letter.charCodeAt(0))

const LIMPET: Dialect = {
  path: (segment) => `/api/${segment}/`,
  query: 'EIO=4&limpet=1',
  opens: true,
  hello: () => {
    const counts = { sent: 0, received: 0, check: 0 }
    return `4h${JSON.stringify({ version: 1, key: token(), instance: token(), attempt: 1, ...counts })}`
  },
  isWelcome: (text) => text.startsWith('4w{'),
  join: (room) => `4q["join","${room}"]`,
  isJoined: (text) => /^4a\[\d+,true\]$/.test(text),
  say: (room, payload) => `4e["say","${room}","${payload}"]`,
  saidAt: '4e["said","'.length,
  ask: (payload) => `4q["echo","${payload}"]`,
  farewell: '4c{"code":"closed_by_client","reason":""}',
  counts: {
    is: (payload) => payload[1] === E || payload[1] === A || payload[1] === Q,
    received: (count) => `4r${count}`,
  },
  numbered: true,
}

const SOCKET_IO: Dialect = {
  path: () => '/socket.io/',
  query: 'EIO=4',
  opens: true,
  hello: () => '40',
  isWelcome: (text) => text.startsWith('40{'),
  join: (room) => `420["join","${room}"]`,
  isJoined: (text) => text === '430[]',
  say: (room, payload) => `42["say","${room}","${payload}"]`,
  saidAt: '42["said","'.length,
  ask: (payload, n) => `42${n}["echo","${payload}"]`,
  farewell: '41',
  counts: null,
  numbered: false,
}

const ENGINE_IO: Dialect = {
  path: () => '/engine.io/',
  query: 'EIO=4',
  opens: true,
  hello: () => null,
  isWelcome: () => false,
  join: (room) => `4j${room}`,
  isJoined: (text) => text === '4j',
  say: (room, payload) => `4s${room}|${payload}`,
  saidAt: 2,
  ask: (payload) => `4q${payload}`,
  farewell: null,
  counts: null,
  numbered: false,
}

const WS: Dialect = {
  ...ENGINE_IO,
  path: () => '/',
  opens: false,
  join: (room) => `j${room}`,
  isJoined: (text) => text === 'j',
  say: (room, payload) => `s${room}|${payload}`,
  saidAt: 1,
  ask: (payload) => `q${payload}`,
}

export const DIALECTS = { limpet: LIMPET, 'socket.io': SOCKET_IO, 'engine.io': ENGINE_IO, ws: WS } as const
export type DialectName = keyof typeof DIALECTS
