import t from 'tap'
import { Frame } from '../../lib/wire/frames.ts'
import { Session } from '../../lib/worker/session.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS } from '../support/core.ts'

t.test('streams of peers begin empty and last', async (t) => {
  const state = new WorkerState(2, LIMITS)
  t.equal(state.slot, 2)
  t.equal(state.received(5), 0)
  t.equal(state.peers.size, 0, 'asking makes none')
  state.outbox(5).append(new Frame('x'))
  t.equal(state.outbox(5).end, 1)
  t.equal(state.outbox(6).end, 0)
  state.peer(5).received = 3
  t.equal(state.received(5), 3)
})

t.test('a session is noted once a turn', async (t) => {
  const state = new WorkerState(0, LIMITS)
  const session = new Session('id', 'hash', 'segment', 'address', {})
  state.touch(session)
  state.touch(session)
  t.same(state.dirty, [session])
  session.dirty = false
  state.touch(session)
  t.equal(state.dirty.length, 2)
})
