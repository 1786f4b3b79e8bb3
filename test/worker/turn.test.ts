import t from 'tap'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { Turn } from '../../lib/worker/turn.ts'
import { LIMITS, MemoryLink } from '../support/core.ts'

/** What happens, in its order. */
const setUp = (...time: number[]) => {
  const log: string[] = []
  const commits: (() => void)[] = []
  const resting: (() => void)[] = []
  const state = new WorkerState(0, { ...LIMITS, outboxBytes: 100 })
  const turn: Turn = new Turn(state, {
    journal: {
      write: (batch) => void log.push(`write ${batch.map(({ type }) => type).join(' ')}`),
      close() {},
    },
    bus: {
      flush: () => void log.push('flush'),
      received: (from, count) => void log.push(`received ${from} ${count}`),
    },
    defer: (commit) => void commits.push(commit),
    clock: () => time.shift() ?? 0,
    later: (commit, ms) => {
      log.push(`rests ${ms} ms`)
      resting.push(commit)
    },
    overflowed: (session) => {
      log.push(`overflowed ${session.id}`)
      turn.record({
        type: 'closed',
        session: session.id,
        code: 'outbox_overflow',
        reason: '',
        says: 'gone',
        taken: 0,
        tombstoneUntil: 1,
      })
    },
    parted: () => void log.push('parted'),
    polled: () => void log.push('polled'),
    owed: () => void log.push('owed'),
    regulate: () => void log.push('regulate'),
    broke: (_session, error) => void log.push(`broke ${String(error)}`),
    lost: (error) => {
      throw error
    },
  })
  const link = new MemoryLink()
  link.send = () => void log.push('send')
  link.sendBundle = () => void log.push('send bundle')
  const open = (id: string): void => {
    turn.record({ type: 'opened', session: id, keyHash: `hash-${id}`, segment: 's', address: 'a', data: {} })
    Object.assign(state.sessions.get(id)!, { link, cursor: 0 })
  }
  return { log, commits, resting, state, turn, open }
}

const sent = (session: string, size = 10): StateRecord => ({
  type: 'sent',
  session,
  frame: new Frame('e'.padEnd(size)),
})

t.test('all of a turn is one batch, written before anything leaves', async (t) => {
  const { log, commits, state, turn, open } = setUp()
  open('ann')
  turn.record(sent('ann'))
  turn.record(sent('ann'))
  turn.record({ type: 'itemTaken', from: 1, number: 1, check: 5 })
  turn.record({ type: 'itemTaken', from: 1, number: 2, check: 6 })
  turn.record({ type: 'itemTaken', from: 3, number: 1, check: 7 })
  t.equal(state.sessions.get('ann')?.outbox.end, 2, 'it is applied at once')
  t.same(log, [])
  t.equal(commits.length, 1)
  commits[0]!()
  t.same(log, [
    'write opened sent sent itemTaken itemTaken itemTaken',
    'received 1 2',
    'received 3 1',
    'flush',
    'send bundle',
  ])
})

t.test('the next turn is another batch', async (t) => {
  const { log, commits, turn, open } = setUp()
  open('ann')
  commits[0]!()
  log.length = 0
  turn.record(sent('ann'))
  t.equal(commits.length, 2)
  commits[1]!()
  t.same(log, ['write sent', 'flush', 'send bundle'])
})

t.test('what tells of the state waits for the write', async (t) => {
  const { log, commits, turn, open } = setUp()
  open('ann')
  turn.afterwards(() => void log.push('afterwards'))
  turn.record(sent('ann'))
  commits[0]!()
  t.same(log, ['write opened sent', 'afterwards', 'flush', 'send bundle'])
})

t.test('a turn that is closed: nothing is written and nothing leaves', async (t) => {
  const { log, commits, turn, open } = setUp()
  open('ann')
  turn.close()
  turn.record(sent('ann'))
  for (const commit of commits) commit()
  t.same(log, [])
})

t.test('without a record nothing is written', async (t) => {
  const { log, commits, turn } = setUp()
  turn.wake()
  turn.wake()
  t.equal(commits.length, 1)
  commits[0]!()
  t.same(log, ['flush'])
})

t.test('an outbox that was full ends its session in the same batch', async (t) => {
  const { log, commits, state, turn, open } = setUp()
  open('ann')
  open('bob')
  for (const id of ['ann', 'bob', 'ann']) turn.record(sent(id, 90))
  turn.record(sent('ann', 90))
  commits[0]!()
  t.same(log.slice(0, 2), ['overflowed ann', 'write opened opened sent sent sent sent closed'])
  t.notOk(state.sessions.has('ann'))
  t.ok(state.sessions.has('bob'))
  t.same(state.overflowed, [])
  t.equal(commits.length, 1, 'no turn of its own')
})

t.test('frames of different turns do not share a bundle', async (t) => {
  const { commits, state, turn, open } = setUp()
  open('ann')
  const frame = new Frame(encodeEvent('x', []))
  turn.record({ type: 'sent', session: 'ann', frame })
  const { root } = state
  const { bundle } = state.sessions.get('ann')!
  t.equal(bundle, root.with(frame))
  commits[0]!()
  t.not(state.root, root)
  t.equal(state.root.count, 0)
  t.same(state.dirty, [])
})

t.test('a link on which `gone` has left is free again', async (t) => {
  const { log, commits, state, turn, open } = setUp()
  open('ann')
  const session = state.sessions.get('ann')!
  session.farewell = { frame: 'g{}', keepLink: true }
  state.touch(session)
  turn.wake()
  commits[0]!()
  t.same(log, ['write opened', 'flush', 'send', 'parted'])
})

t.test(
  'a flush rests behind one that took long, and what was recorded meanwhile is written before it',
  async (t) => {
    // The first turn: none rests; its flush. The second: how long it rests. The third: it still does.
    const { log, commits, resting, state, turn, open } = setUp(0, 0, 6, 7, 9)
    open('ann')
    turn.record(sent('ann'))
    turn.record(sent('ann'))
    commits[0]!()
    log.length = 0
    turn.record(sent('ann'))
    turn.behind(() => log.push('behind'))
    commits[1]!()
    t.same(log, ['write sent', 'flush', 'rests 5 ms', 'behind'])
    turn.record(sent('ann'))
    commits[2]!()
    t.same(log.splice(0).slice(4), ['write sent', 'flush'], 'one rest for all')
    turn.record(sent('ann'))
    t.equal(resting.length, 1)
    resting[0]!()
    t.same(log, ['write sent', 'flush', 'send bundle'])
    t.equal(state.sessions.get('ann')!.cursor, 5)
    t.same(state.dirty, [])
  },
)

t.test('a commit does not rest', async (t) => {
  const { log, commits, turn, open } = setUp(0, 0, 6)
  open('ann')
  turn.record(sent('ann'))
  turn.record(sent('ann'))
  commits[0]!()
  log.length = 0
  turn.record(sent('ann'))
  turn.commit()
  t.same(log, ['write sent', 'flush', 'send bundle'])
})
