import t from 'tap'
import { Session } from '../../lib/worker/session.ts'

t.test('a new session', async (t) => {
  const session = new Session('id', 'hash', 'segment', 'address', { name: 'Ann' })
  t.equal(session.phase.kind, 'connected')
  t.notOk(session.closed)
  t.notOk(session.opened)
  t.equal(session.outbox.end, 0)
  t.equal(session.inbox.count, 0)
  t.same(session.data, { name: 'Ann' })
  session.phase = { kind: 'suspended', since: 1 }
  t.notOk(session.closed)
  session.phase = { kind: 'closed', code: 'x', reason: '' }
  t.ok(session.closed)
})

t.test('an idle session holds no container of its own', async (t) => {
  const session = new Session('id', 'hash', 'segment', 'address', {})
  const { finishedAhead, formerAttempts, rooms, questions, joins, before, after, bundle } = session
  t.same(
    { finishedAhead, formerAttempts, rooms, questions, joins, before, after, bundle },
    {
      finishedAhead: null,
      formerAttempts: null,
      rooms: null,
      questions: null,
      joins: null,
      before: null,
      after: null,
      bundle: null,
    },
  )
})
