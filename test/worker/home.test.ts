import t from 'tap'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { apply } from '../../lib/worker/apply.ts'
import { answerAtHome } from '../../lib/worker/home.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS } from '../support/core.ts'

const said = (n: number): Frame => new Frame(encodeEvent('said', [n]))

const withRoom = (messages: number): WorkerState => {
  const state = new WorkerState(0, LIMITS)
  apply(state, { type: 'homeJoined', room: 'room', session: 'ann', slot: 1, data: { name: 'Ann' } })
  apply(state, { type: 'homeJoined', room: 'room', session: 'bob', slot: 2, data: { name: 'Bob' } })
  for (let n = 1; n <= messages; n++)
    apply(state, { type: 'ordered', room: 'room', frame: said(n), except: [] })
  return state
}

t.test('a room nobody knows is empty, and asking does not make it', async (t) => {
  const state = new WorkerState(0, LIMITS)
  t.same(answerAtHome(state, { kind: 'count', room: 'room' }), { kind: 'count', count: 0 })
  t.same(answerAtHome(state, { kind: 'members', room: 'room' }), { kind: 'members', members: [] })
  t.same(answerAtHome(state, { kind: 'history', room: 'room', limit: 5 }), { kind: 'history', entries: [] })
  t.equal(state.homes.size, 0)
})

t.test('count and members, on whichever worker they are', async (t) => {
  const state = withRoom(0)
  t.same(answerAtHome(state, { kind: 'count', room: 'room' }), { kind: 'count', count: 2 })
  t.same(answerAtHome(state, { kind: 'members', room: 'room' }), {
    kind: 'members',
    members: [
      { id: 'ann', data: { name: 'Ann' } },
      { id: 'bob', data: { name: 'Bob' } },
    ],
  })
  apply(state, { type: 'homeLeft', room: 'room', session: 'ann' })
  t.same(answerAtHome(state, { kind: 'count', room: 'room' }), { kind: 'count', count: 1 })
})

t.test('history: the last messages, oldest first, by their place in the room', async (t) => {
  const state = withRoom(7)
  t.same(answerAtHome(state, { kind: 'history', room: 'room', limit: 3 }), {
    kind: 'history',
    entries: [5, 6, 7].map((number) => ({ number, frame: said(number).data })),
  })
})

t.test('history is bounded, whatever is asked for', async (t) => {
  const state = withRoom(95)
  const reply = answerAtHome(state, { kind: 'history', room: 'room', limit: 100 })
  const numbers = reply.kind === 'history' ? reply.entries.map(({ number }) => number) : []
  t.ok(numbers.length >= LIMITS.history && numbers.length <= 2 * LIMITS.history, `${numbers.length} entries`)
  t.same(
    numbers,
    numbers.map((_, i) => 96 - numbers.length + i),
    'the last ones, without a gap',
  )
})

t.test('history is bounded in bytes, but for the last message', async (t) => {
  const state = new WorkerState(0, { ...LIMITS, historyBytes: 100 })
  const numbers = (): number[] => {
    const reply = answerAtHome(state, { kind: 'history', room: 'room', limit: 100 })
    return reply.kind === 'history' ? reply.entries.map(({ number }) => number) : []
  }
  const say = (text: string): void =>
    apply(state, { type: 'ordered', room: 'room', frame: new Frame(encodeEvent('said', [text])), except: [] })
  for (let i = 0; i < 9; i++) say('x'.repeat(20))
  t.same(numbers(), [7, 8, 9], 'three frames of 32 bytes')
  say('x'.repeat(500))
  t.same(numbers(), [10])
  say('short')
  t.same(numbers(), [11])
})
