/** `history(…)` of a room as an application asks for it, and what it gets. */
import type { Reply } from '../bus/questions.ts'
import { LimpetError } from '../wire/codes.ts'
import { parseFrame } from '../wire/frames.ts'
import type { HistoryEntry, HistoryOptions, HistoryPage } from './api.ts'
import { HISTORY_LIMIT_MAX } from './home.ts'

const LIMIT_DEFAULT = 50

/** Throws LimpetError `arguments_invalid`. */
export function rangeOf(options?: HistoryOptions): { readonly limit: number; readonly before: number } {
  if (typeof (options ?? {}) !== 'object')
    throw new LimpetError('arguments_invalid', 'history takes an object with limit and before')
  const { limit = LIMIT_DEFAULT, before = Number.MAX_SAFE_INTEGER } = options ?? {}
  if (!Number.isInteger(limit) || limit < 1 || limit > HISTORY_LIMIT_MAX)
    throw new LimpetError('arguments_invalid', `limit is a whole number from 1 to ${HISTORY_LIMIT_MAX}`)
  if (!Number.isSafeInteger(before) || before < 1)
    throw new LimpetError('arguments_invalid', "before is a message's number")
  return { limit, before }
}

export function pageOf(reply: Reply): HistoryPage {
  if (reply.kind !== 'history') throw new LimpetError('room_unavailable')
  const { epoch, earlier, entries } = reply
  return { entries: entries.flatMap(entryOf), epoch: epoch === '' ? null : epoch, earlier }
}

function entryOf(entry: { number: number; frame: string | Uint8Array }): HistoryEntry[] {
  const message = parseFrame(entry.frame, 'server')
  if (message?.type !== 'event') return []
  return [{ number: entry.number, name: message.event.name, args: message.event.args }]
}
