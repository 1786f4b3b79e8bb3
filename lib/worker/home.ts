/** What the home of a room answers: questions of this worker and of others. */
import type { Earlier, Question, Reply, ReplyEntry } from '../bus/questions.ts'
import { isAged } from './apply-room.ts'
import type { HistoryItem, HomeRoom, StateLimits, WorkerState } from './state.ts'

export const HISTORY_LIMIT_MAX = 100
/** With the largest public data of all of them a reply stays below what the bus takes in one frame. */
export const MEMBERS_MAX = 10_000
/** Far below that. */
const REPLY_BYTES = 16 * 1024 * 1024

export function answerAtHome(state: WorkerState, question: Question, now: number): Reply {
  const home = state.homes.get(question.room)
  switch (question.kind) {
    case 'count':
      return { kind: 'count', count: home?.members.size ?? 0 }
    case 'members':
      return membersOf(home)
    case 'history':
      return home ? pageOf(home, question, state.limits, now) : NOTHING
  }
}

function membersOf(home: HomeRoom | undefined): Reply {
  const members = home?.members ?? new Map()
  if (members.size > MEMBERS_MAX) {
    const message = `the room has ${members.size} members, ${MEMBERS_MAX} can be listed`
    return { kind: 'refused', code: 'payload_too_large', message }
  }
  return { kind: 'members', members: [...members].map(([id, { data }]) => ({ id, data })) }
}

const NOTHING: Reply = { kind: 'history', epoch: '', earlier: 'none', entries: [] }

/** The newest ones that fit into one reply; the newest alone may be as large as it is. */
function pageOf(
  { epoch, history, last }: HomeRoom,
  { limit, before }: { limit: number; before: number },
  limits: StateLimits,
  now: number,
): Reply {
  const end = Math.min(before, last + 1)
  const entries: ReplyEntry[] = []
  const kept = firstKept(history, limits, now)
  // Numbers have no gaps.
  let at = history.length - 1 - (last + 1 - end)
  for (let bytes = 0; at >= kept && entries.length < limit; at--) {
    const { number, frame } = history[at]!
    bytes += frame.size
    if (bytes > REPLY_BYTES && entries.length > 0) break
    entries.push({ number, frame: frame.data })
  }
  entries.reverse()
  return { kind: 'history', epoch, earlier: earlierThan(entries[0]?.number ?? end, at >= kept), entries }
}

function earlierThan(number: number, isMoreKept: boolean): Earlier {
  if (isMoreKept) return 'more'
  return number <= 1 ? 'none' : 'forgotten'
}

/** A room that nobody talks in forgets nothing by itself. */
function firstKept(history: readonly HistoryItem[], limits: StateLimits, now: number): number {
  const kept = history.findIndex((item) => !isAged(item, limits, now))
  return kept < 0 ? history.length : kept
}
