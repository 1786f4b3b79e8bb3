/** Frames that begin and end a session: JSON objects, parsed field by field. */
import type { Message } from './frames.ts'
import { isTooDeep } from './values.ts'

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/

export function parseHello(body: string): Message | null {
  const v = parseObject(body)
  if (!v || !isCount(v.version) || !isToken(v.key) || !isToken(v.instance)) return null
  if (v.id !== undefined && !isToken(v.id)) return null
  if (!isCount(v.attempt) || !isCount(v.sent) || !isCount(v.received) || !isCheck(v.check)) return null
  const { version, key, id, instance, attempt, sent, received, check, auth } = v
  return { type: 'hello', hello: { version, key, id, instance, attempt, sent, received, check, auth } }
}

export function parseWelcome(body: string): Message | null {
  const v = parseObject(body)
  if (!v || !isToken(v.id) || !isCheck(v.check)) return null
  // Not said: nothing is known to be missed.
  if (v.sent === undefined) v.sent = Number(v.from) - 1
  if (!hasCounts(v, 'from', 'taken', 'handled', 'sent', 'graceMs')) return null
  if (v.from < 1 || v.handled > v.taken || v.from > v.sent + 1) return null
  const { id, from, taken, handled, check, sent, graceMs, limits } = v
  if (!isObject(limits) || !hasCounts(limits, 'payloadBytes', 'outboxBytes')) return null
  const { payloadBytes, outboxBytes } = limits
  return {
    type: 'welcome',
    welcome: { id, from, taken, handled, check, sent, graceMs, limits: { payloadBytes, outboxBytes } },
  }
}

export function parseGone(body: string): Message | null {
  const v = parseObject(body)
  if (!v || typeof v.code !== 'string' || !hasCounts(v, 'handled', 'taken')) return null
  return { type: 'gone', gone: { code: v.code, handled: v.handled, taken: v.taken } }
}

export function parseObject(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body)
    return isObject(value) && !isTooDeep(value) ? value : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function hasCounts<T extends object, N extends string>(
  value: T,
  ...names: N[]
): value is T & Record<N, number> {
  return names.every((name) => isCount((value as Record<string, unknown>)[name]))
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isCheck(value: unknown): value is number {
  return isCount(value) && value <= 0xffffffff
}

export function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value)
}
