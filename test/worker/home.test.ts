import t from 'tap'
import type { Reply } from '../../lib/bus/questions.ts'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { apply } from '../../lib/worker/apply.ts'
import { answerAtHome, MEMBERS_MAX } from '../../lib/worker/home.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS } from '../support/core.ts'

const said = (what: number | string): Frame => new Frame(encodeEvent('said', [what]))

const join = (state: WorkerState, session: string, slot: number, data = {}): void =>
  apply(state, { type: 'homeJoined', room: 'room', session, slot, data, watches: false })

/** Message n gets its place at time n. */
const withRoom = (messages: number, limits: Partial<typeof LIMITS> = {}): WorkerState => {
  const state = new WorkerState(0, { ...LIMITS, ...limits })
  apply(state, { type: 'homeOpened', room: 'room', epoch: 'first' })
  for (let n = 1; n <= messages; n++)
    apply(state, { type: 'ordered', room: 'room', frame: said(n), except: [], at: n })
  return state
}

const ask = (
  state: WorkerState,
  limit: number,
  { before = Number.MAX_SAFE_INTEGER, now = 100 }: { before?: number; now?: number } = {},
): [earlier: string, numbers: number[]] => {
  const reply = answerAtHome(state, { kind: 'history', room: 'room', limit, before }, now)
  if (reply.kind !== 'history') throw new Error(reply.kind)
  return [reply.earlier, reply.entries.map(({ number }) => number)]
}

const upTo = (last: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => last - count + 1 + i)

t.test('a room nobody knows is empty, and asking does not make it', async (t) => {
  const state = new WorkerState(0, LIMITS)
  const answer = (question: { kind: 'count' | 'members' }): Reply =>
    answerAtHome(state, { ...question, room: 'room' }, 1)
  t.same(answer({ kind: 'count' }), { kind: 'count', count: 0 })
  t.same(answer({ kind: 'members' }), { kind: 'members', members: [] })
  const question = { kind: 'history', room: 'room', limit: 5, before: 9 } as const
  t.same(answerAtHome(state, question, 1), { kind: 'history', epoch: '', earlier: 'none', entries: [] })
  t.equal(state.homes.size, 0)
})

t.test('count and members, on whichever worker they are', async (t) => {
  const state = withRoom(0)
  join(state, 'ann', 1, { name: 'Ann' })
  join(state, 'bob', 2, { name: 'Bob' })
  t.same(answerAtHome(state, { kind: 'count', room: 'room' }, 1), { kind: 'count', count: 2 })
  t.same(answerAtHome(state, { kind: 'members', room: 'room' }, 1), {
    kind: 'members',
    members: [
      { id: 'ann', data: { name: 'Ann' } },
      { id: 'bob', data: { name: 'Bob' } },
    ],
  })
  apply(state, { type: 'homeLeft', room: 'room', session: 'ann' })
  t.same(answerAtHome(state, { kind: 'count', room: 'room' }, 1), { kind: 'count', count: 1 })
})

t.test('more members than can be listed are counted only', async (t) => {
  const state = withRoom(0)
  for (let i = 0; i < MEMBERS_MAX; i++) join(state, `session${i}`, 1)
  t.equal(answerAtHome(state, { kind: 'members', room: 'room' }, 1).kind, 'members')
  join(state, 'one more', 1)
  t.match(answerAtHome(state, { kind: 'members', room: 'room' }, 1), {
    kind: 'refused',
    code: 'payload_too_large',
    message: /10001 members/,
  })
  t.same(answerAtHome(state, { kind: 'count', room: 'room' }, 1), { kind: 'count', count: MEMBERS_MAX + 1 })
})

t.test('history: the last messages, oldest first, by their place in the room', async (t) => {
  const state = withRoom(7)
  const question = { kind: 'history', room: 'room', limit: 3, before: 99 } as const
  t.same(answerAtHome(state, question, 100), {
    kind: 'history',
    epoch: 'first',
    earlier: 'more',
    entries: [5, 6, 7].map((number) => ({ number, frame: said(number).data })),
  })
})

t.test('page by page, to the beginning of the room', async (t) => {
  const state = withRoom(7)
  t.same(ask(state, 3), ['more', [5, 6, 7]])
  t.same(ask(state, 3, { before: 5 }), ['more', [2, 3, 4]])
  t.same(ask(state, 3, { before: 2 }), ['none', [1]])
  t.same(ask(state, 3, { before: 1 }), ['none', []])
  t.same(ask(state, 7), ['none', upTo(7, 7)])
  t.same(ask(state, 3, { before: 8 }), ['more', [5, 6, 7]])
  t.same(ask(withRoom(0), 3), ['none', []])
})

t.test('what is past the number is forgotten, and that is said', async (t) => {
  const state = withRoom(25)
  t.same(ask(state, 100), ['forgotten', upTo(25, LIMITS.history)])
  t.same(ask(state, 4, { before: 18 }), ['forgotten', [16, 17]])
  t.same(ask(state, 4, { before: 16 }), ['forgotten', []])
  t.same(ask(state, 4, { before: 3 }), ['forgotten', []])
  t.same(ask(withRoom(5, { history: 0 }), 4), ['forgotten', []])
})

t.test('and what is past the bytes, but for the last message', async (t) => {
  const state = withRoom(0, { historyBytes: 100 })
  const say = (text: string): void =>
    apply(state, { type: 'ordered', room: 'room', frame: said(text), except: [], at: 1 })
  for (let i = 0; i < 9; i++) say('x'.repeat(20))
  t.same(ask(state, 100), ['forgotten', [7, 8, 9]], 'three frames of 32 bytes')
  say('x'.repeat(500))
  t.same(ask(state, 100), ['forgotten', [10]])
  say('short')
  t.same(ask(state, 100), ['forgotten', [11]])
})

t.test('and what is too old, also where nobody talks any more', async (t) => {
  const state = withRoom(9, { historyAgeMs: 5 })
  t.same(ask(state, 100, { now: 9 }), ['forgotten', upTo(9, 6)])
  t.same(ask(state, 2, { now: 12 }), ['more', [8, 9]])
  t.same(ask(state, 4, { now: 12 }), ['forgotten', [7, 8, 9]])
  t.same(ask(state, 4, { now: 12, before: 8 }), ['forgotten', [7]])
  t.same(ask(state, 4, { now: 15 }), ['forgotten', []])
  t.equal(state.homes.get('room')?.history.length, 6, 'reading changes nothing')
  t.same(ask(withRoom(3, { historyAgeMs: 5 }), 3, { now: 4 }), ['none', [1, 2, 3]])
})

t.test('a page is bounded in bytes, and goes on before what it has', async (t) => {
  const state = withRoom(0, { historyBytes: 1 << 30 })
  join(state, 'ann', 1)
  const large = said('x'.repeat(7 * 1024 * 1024))
  for (let n = 0; n < 5; n++) apply(state, { type: 'ordered', room: 'room', frame: large, except: [], at: 1 })
  t.same(ask(state, 100), ['more', [4, 5]])
  t.same(ask(state, 100, { before: 4 }), ['more', [2, 3]])
  t.same(ask(state, 100, { before: 2 }), ['none', [1]])
})
