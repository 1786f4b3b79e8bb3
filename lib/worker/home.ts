/** What the home of a room answers: questions of this worker and of others. */
import type { Question, Reply } from '../bus/questions.ts'
import type { WorkerState } from './state.ts'

export const HISTORY_LIMIT_MAX = 100

export function answerAtHome(state: WorkerState, question: Question): Reply {
  const home = state.homes.get(question.room)
  switch (question.kind) {
    case 'count':
      return { kind: 'count', count: home?.members.size ?? 0 }
    case 'members':
      return { kind: 'members', members: [...(home?.members ?? [])].map(([id, { data }]) => ({ id, data })) }
    case 'history': {
      const last = home?.history.slice(-question.limit) ?? []
      return { kind: 'history', entries: last.map(({ number, frame }) => ({ number, frame: frame.data })) }
    }
  }
}
