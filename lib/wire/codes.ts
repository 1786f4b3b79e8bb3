/**
 * Every code limpet ever tells somebody: why a link or session ended, why a send failed.
 * Both sides import this one table. The range of a number carries the policy:
 *
 * - 4000–4099 come back now
 * - 4100–4199 come back later (with back-off, or when told to)
 * - 4200–4299 do not come back
 * - 4300–4399 about one message, not about the connection
 */

/** What a client does after a code: reconnect at once, after its back-off, never; `none`: not about the connection. */
export type Retry = 'now' | 'later' | 'never' | 'none'

interface CodeEntry {
  readonly number: number
  readonly text: string
  /** What whoever gets it can do, where the policy does not say it. */
  readonly hint?: string
}

export const CODES = {
  link_lost: { number: 4000, text: 'the connection was lost' },
  link_gap: { number: 4001, text: 'a polling link skipped a frame' },
  stale_attempt: { number: 4002, text: 'a later attempt of this client is already connected' },
  link_replaced: { number: 4003, text: 'this client has moved to another connection' },
  draining: { number: 4004, text: 'this worker is being replaced' },
  session_unknown: { number: 4010, text: 'no session is waiting under this key' },
  session_expired: { number: 4011, text: 'the session waited longer than its grace' },
  segment_mismatch: { number: 4012, text: 'the session belongs to another segment' },
  count_mismatch: { number: 4013, text: 'the two sides do not agree on what was sent' },
  room_lost: {
    number: 4014,
    text: 'messages of one of its rooms were lost: a worker lost its memory or was too slow',
  },
  outbox_overflow: { number: 4015, text: 'the client did not take its messages in time' },
  evicted: { number: 4016, text: 'the session gave way to newer ones' },
  shutting_down: { number: 4100, text: 'the server is stopping' },
  busy: { number: 4101, text: 'the server takes no more of this now' },
  backlog_full: { number: 4102, text: 'the server has not yet handled what it took' },
  hello_timeout: { number: 4103, text: 'no hello came in time' },
  connect_timeout: { number: 4104, text: 'the connection was not established in time' },
  rate_limited: { number: 4105, text: 'too many messages in too short a time' },
  refused: {
    number: 4200,
    text: 'the server refused this client',
    hint: 'look at what `auth` gives, then connect again',
  },
  protocol_error: {
    number: 4201,
    text: 'the peer broke the session protocol',
    hint: 'use a client of the same version',
  },
  version_unsupported: {
    number: 4202,
    text: 'the two sides speak different versions of the protocol',
    hint: 'load the page again, or the newer version',
  },
  payload_too_large: { number: 4203, text: 'a message is larger than the limit', hint: 'send it in parts' },
  taken_over: {
    number: 4204,
    text: 'another page or process has taken the session',
    hint: 'go on in the other page, or connect again',
  },
  closed_by_client: { number: 4205, text: 'the client closed the session', hint: 'connect again' },
  closed_by_server: {
    number: 4206,
    text: 'the server closed the session',
    hint: 'connect again if the application lets you',
  },
  handler_failed: { number: 4300, text: 'the handler failed', hint: "look into the other side's log" },
  no_handler: { number: 4301, text: 'nobody listens to this event', hint: 'listen to it on the other side' },
  timeout: {
    number: 4302,
    text: 'no answer came in time',
    hint: 'it may be handled yet: ask before you send it again',
  },
  outbox_full: {
    number: 4303,
    text: 'too much is waiting to be sent',
    hint: 'await settled(), then send it again',
  },
  not_delivered: { number: 4304, text: 'the message was not delivered', hint: 'send it again' },
  unknown: {
    number: 4305,
    text: 'it is not known whether the message was handled',
    hint: 'ask before you send it again',
  },
  name_invalid: {
    number: 4306,
    text: 'the event name is empty, too long or reserved',
    hint: 'choose another name',
  },
  room_invalid: {
    number: 4307,
    text: 'a room name is 1 to 256 bytes without control characters',
    hint: 'choose another name',
  },
  room_unavailable: {
    number: 4308,
    text: 'the worker that orders this room cannot be reached',
    hint: 'try again after a while',
  },
  room_limit: { number: 4309, text: 'the session is in too many rooms', hint: 'leave another room first' },
  not_ready: {
    number: 4310,
    text: 'effects belong into a handler or into open',
    hint: "act in session.on('open') or in a handler",
  },
  session_closed: { number: 4311, text: 'the session is over', hint: 'connect again' },
  poison: {
    number: 4314,
    text: 'the process died each time this message was handled',
    hint: "look into the worker's log",
  },
  join_cancelled: {
    number: 4313,
    text: 'the session left the room before it was in',
    hint: 'join again if it is still wanted',
  },
  arguments_invalid: {
    number: 4312,
    text: 'the arguments cannot be sent',
    hint: 'send JSON and bytes, nested 200 deep at most',
  },
} as const satisfies Record<string, CodeEntry>

export type Code = keyof typeof CODES

export function isCode(value: unknown): value is Code {
  return typeof value === 'string' && Object.hasOwn(CODES, value)
}

/** The policy of a code; a code that an application made up never brings a client back. */
export function retryOf(code: string): Retry {
  if (!isCode(code)) return 'never'
  const number = CODES[code].number
  if (number < 4100) return 'now'
  if (number < 4200) return 'later'
  return number < 4300 ? 'never' : 'none'
}

const COMES_BACK = 'nothing: the client comes back by itself'

function hintOf(code: string): string {
  const entry: CodeEntry | null = isCode(code) ? CODES[code] : null
  return entry ? (entry.hint ?? COMES_BACK) : 'ask the application whose code this is'
}

/**
 * The one error limpet throws or rejects with.
 * `code` is a name of the table above, or one of the application's own (refusals, answers).
 */
export class LimpetError extends Error {
  override readonly name = 'LimpetError'
  readonly code: string
  readonly retry: Retry
  /** A sentence about what to do. */
  readonly hint: string

  constructor(code: Code | (string & {}), message?: string) {
    super(message ?? (isCode(code) ? CODES[code].text : code))
    this.code = code
    this.retry = retryOf(code)
    this.hint = hintOf(code)
  }
}
