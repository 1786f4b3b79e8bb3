import t from 'tap'
import { Session, type Task, TaskQueue } from '../../lib/worker/session.ts'

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

t.test('the queue keeps its order, whatever it has let go of', async (t) => {
  const queue = new TaskQueue()
  const task = (number: number): Task => ({
    kind: 'message',
    number,
    crc: 0,
    size: 0,
    event: { name: 'n', args: [] },
    wantsAnswer: false,
  })
  let next = 0
  for (let n = 0; n < 5000; n++) {
    queue.push(task(n))
    if (n % 3 === 0) t.match(queue.shift(), { number: next++ })
  }
  t.equal(queue.length, 5000 - next)
  while (queue.length > 0) t.match(queue.shift(), { number: next++ })
  t.equal(queue.shift(), undefined)
  queue.push(task(1))
  queue.clear()
  t.equal(queue.length, 0)
})
