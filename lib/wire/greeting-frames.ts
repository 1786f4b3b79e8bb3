/** Frames that begin and end a session: JSON objects, parsed field by field. */
import type { Limits, Message } from './frames.ts'
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
  if (!v || !isToken(v.id) || !isCount(v.from) || v.from < 1 || !isCount(v.taken) || !isCount(v.handled))
    return null
  if (!isCheck(v.check) || !isCount(v.graceMs) || v.handled > v.taken) return null
  const { sent = v.from - 1 } = v
  if (!isCount(sent) || v.from > sent + 1) return null
  const limits = v.limits as Partial<Limits> | null
  if (typeof limits !== 'object' || limits === null) return null
  const { payloadBytes, outboxBytes } = limits
  if (!isCount(payloadBytes) || !isCount(outboxBytes)) return null
  const { id, from, taken, handled, check, graceMs } = v
  return {
    type: 'welcome',
    welcome: { id, from, taken, handled, check, sent, graceMs, limits: { payloadBytes, outboxBytes } },
  }
}

export function parseGone(body: string): Message | null {
  const v = parseObject(body)
  if (!v || typeof v.code !== 'string' || !isCount(v.handled) || !isCount(v.taken)) return null
  return { type: 'gone', gone: { code: v.code, handled: v.handled, taken: v.taken } }
}

export function parseObject(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value !== 'object' || value === null || isTooDeep(value)) return null
    return value as Record<string, unknown>
  } catch {
    return null
  }
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isCheck(value: unknown): value is number {
  return isCount(value) && value <= 0xffffffff
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value)
}
