/** What the home of a room answers: questions of this worker and of others. */
import type { Question, Reply } from '../bus/questions.ts'
import type { Data } from '../wire/frames.ts'
import type { HistoryItem, WorkerState } from './state.ts'

export const HISTORY_LIMIT_MAX = 100
/** Far below what the bus takes in one frame. */
const REPLY_BYTES = 16 * 1024 * 1024

export function answerAtHome(state: WorkerState, question: Question): Reply {
  const home = state.homes.get(question.room)
  switch (question.kind) {
    case 'count':
      return { kind: 'count', count: home?.members.size ?? 0 }
    case 'members':
      return { kind: 'members', members: [...(home?.members ?? [])].map(([id, { data }]) => ({ id, data })) }
    case 'history':
      return {
        kind: 'history',
        entries: lastOf(home?.history ?? [], Math.min(question.limit, state.limits.history)),
      }
  }
}

/** The newest ones that fit into one reply; the newest alone may be as large as it is. */
function lastOf(history: readonly HistoryItem[], limit: number): { number: number; frame: Data }[] {
  const entries: { number: number; frame: Data }[] = []
  let bytes = 0
  for (let i = history.length - 1; i >= 0 && entries.length < limit; i--) {
    const { number, frame } = history[i]!
    bytes += frame.size
    if (bytes > REPLY_BYTES && entries.length > 0) break
    entries.push({ number, frame: frame.data })
  }
  return entries.reverse()
}
