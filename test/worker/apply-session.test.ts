import t from 'tap'
import { decodeItem } from '../../lib/bus/items.ts'
import { roll } from '../../lib/wire/checksum.ts'
import { apply } from '../../lib/worker/apply.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { frame, setUp } from '../support/applied.ts'

t.test('opened', async (t) => {
  const { state, session } = setUp()
  t.equal(state.byKey.get('hash'), session)
  t.match(session, { id: 's', keyHash: 'hash', segment: 'seg', address: 'addr', data: { a: 1 } })
  t.ok(Object.isFrozen(session.data))
})

t.test('handled is the prefix, with its check', async (t) => {
  const { state, session } = setUp()
  for (const [number, crc] of [
    [3, 33],
    [2, 22],
    [5, 55],
    [1, 11],
  ] as const) {
    apply(state, { type: 'handled', session: 's', number, crc })
  }
  t.equal(session.handled, 3)
  t.equal(session.handledCheck, roll(roll(roll(0, 11), 22), 33))
  t.same([...session.finishedAhead!], [[5, 55]])
  t.notOk(session.opened)
  apply(state, { type: 'handled', session: 's', number: 0, crc: 0 })
  t.ok(session.opened)
  t.equal(session.handled, 3)
  apply(state, { type: 'handled', session: 's', number: 4, crc: 44 })
  t.equal(session.handled, 5)
  t.equal(session.finishedAhead, null)
})

t.test('attached: who has it, who had it', async (t) => {
  const { state, session } = setUp()
  const attach = (instance: string, attempt: number, received = 0): void =>
    apply(state, { type: 'attached', session: 's', instance, attempt, received })
  for (let i = 0; i < 3; i++) apply(state, { type: 'sent', session: 's', frame: frame() })
  apply(state, { type: 'suspended', session: 's', at: 5 })
  t.same(session.phase, { kind: 'suspended', since: 5 })
  attach('page0', 7, 2)
  t.same(session.phase, { kind: 'connected' })
  t.equal(session.outbox.base, 2)
  t.equal(session.formerAttempts, null)
  attach('page0', 9)
  t.equal(session.formerAttempts, null, 'the same page')
  for (let i = 1; i <= 6; i++) attach(`page${i}`, i)
  t.same(
    [...session.formerAttempts!],
    [
      ['page2', 2],
      ['page3', 3],
      ['page4', 4],
      ['page5', 5],
    ],
    'the last four',
  )
  attach('page3', 30)
  attach('page7', 1)
  t.same([...session.formerAttempts!.keys()], ['page4', 'page5', 'page6', 'page3'], 'newest last')
  t.equal(session.formerAttempts!.get('page3'), 30)
})

t.test('sent: within the outbox, or alone', async (t) => {
  const { state, session } = setUp({ outboxBytes: 100 })
  apply(state, { type: 'sent', session: 's', frame: frame(200) })
  t.equal(session.outbox.end, 1)
  apply(state, { type: 'sent', session: 's', frame: frame(1) })
  t.same(state.overflowed, [session])
  t.equal(session.outbox.end, 1)
  apply(state, { type: 'received', session: 's', count: 1 })
  apply(state, { type: 'sent', session: 's', frame: frame(1) })
  t.equal(session.outbox.end, 1, 'nothing is appended behind the gap')

  const other = setUp({ outboxBytes: 100 })
  apply(other.state, { type: 'sent', session: 's', frame: frame(60) })
  apply(other.state, { type: 'sent', session: 's', frame: frame(40) })
  t.equal(other.session.outbox.bytes, 100, 'exactly full')
  t.equal(other.state.overflowed.length, 0)
  t.equal(state.overflowed.length, 1)
  t.same(state.dirty, [session])
})

t.test('closed: remembered or not; records that trail it change nothing', async (t) => {
  for (const until of [0, 500]) {
    const { state, session } = setUp()
    apply(state, { type: 'handled', session: 's', number: 1, crc: 1 })
    apply(state, {
      type: 'closed',
      session: 's',
      code: 'x',
      reason: 'y',
      says: 'gone',
      taken: 4,
      tombstoneUntil: until,
    })
    t.same(session.phase, { kind: 'closed', code: 'x', reason: 'y' })
    t.equal(state.sessions.size + state.byKey.size, 0)
    t.same(
      [...state.tombstones.values()],
      until ? [{ session: 's', code: 'x', reason: 'y', says: 'gone', handled: 1, taken: 4, until }] : [],
    )
    for (const record of [
      { type: 'sent', session: 's', frame: frame() },
      { type: 'handled', session: 's', number: 2, crc: 1 },
      { type: 'suspended', session: 's', at: 1 },
      { type: 'joined', session: 's', room: 'r', number: 1 },
      { type: 'closed', session: 's', code: 'z', reason: '', says: 'close', taken: 0, tombstoneUntil: 9 },
    ] as StateRecord[]) {
      apply(state, record)
    }
    t.equal(session.outbox.end, 0)
    t.equal(session.handled, 1)
    t.equal(session.phase.kind === 'closed' && session.phase.code, 'x')
    apply(state, { type: 'forgotten', keyHash: 'hash' })
    t.equal(state.tombstones.size, 0)
  }
})

t.test('memberships: every join is answered, the last one counts', async (t) => {
  const { state, session } = setUp()
  const join = (): void =>
    apply(state, { type: 'joining', session: 's', room: 'r', home: 1, data: {}, watches: false })
  const leave = (): void => apply(state, { type: 'left', session: 's', room: 'r', home: 1 })
  const joined = (): void => apply(state, { type: 'joined', session: 's', room: 'r', number: 1 })
  const standing = (): string => session.rooms?.get('r')?.standing ?? 'none'
  const isMember = (): boolean => state.rooms.get('r')?.members.has(session) === true

  join()
  t.equal(standing(), 'joining')
  t.notOk(isMember())
  joined()
  t.equal(standing(), 'member')
  t.ok(isMember())
  leave()
  t.equal(standing(), 'none')
  t.notOk(state.rooms.has('r'))
  leave()
  join()
  leave()
  t.equal(standing(), 'left', 'an answer is still due')
  join()
  joined()
  t.equal(standing(), 'joining', 'the answer to the first')
  joined()
  t.ok(isMember())
  leave()
  join()
  leave()
  joined()
  t.equal(standing(), 'none')
  t.notOk(isMember())
  const outbox = state.outbox(1)
  const kinds = Array.from(
    { length: outbox.end },
    (_, i) => decodeItem(outbox.at(i + 1).data as Uint8Array)?.kind,
  )
  t.same(kinds, ['join', 'leave', 'join', 'leave', 'join', 'leave', 'join', 'leave'])
})
