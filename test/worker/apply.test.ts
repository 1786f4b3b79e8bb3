import t from 'tap'
import { decodeItem } from '../../lib/bus/items.ts'
import { roll } from '../../lib/wire/checksum.ts'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { apply } from '../../lib/worker/apply.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import type { Session } from '../../lib/worker/session.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS, Peer, settle, TestWorker } from '../support/core.ts'

const frame = (size = 10): Frame => new Frame('e'.padEnd(size, 'x'))

const setUp = (limits: Partial<typeof LIMITS> = {}): { state: WorkerState; session: Session } => {
  const state = new WorkerState(0, { ...LIMITS, ...limits })
  apply(state, {
    type: 'opened',
    session: 's',
    keyHash: 'hash',
    segment: 'seg',
    address: 'addr',
    data: { a: 1 },
  })
  return { state, session: state.sessions.get('s')! }
}

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
  apply(state, { type: 'sent', session: 's', frame: frame(60) })
  apply(state, { type: 'sent', session: 's', frame: frame(40) })
  t.equal(session.outbox.bytes, 100, 'exactly full')
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
      until ? [{ code: 'x', reason: 'y', says: 'gone', handled: 1, taken: 4, until }] : [],
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
  const join = (): void => apply(state, { type: 'joining', session: 's', room: 'r', home: 1 })
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

t.test('a room at its home', async (t) => {
  const order = (state: WorkerState, room: string): void =>
    apply(state, { type: 'ordered', room, frame: new Frame(encodeEvent('x', [])), except: [] })

  t.test('history is bounded', async (t) => {
    const { state } = setUp()
    for (let i = 1; i <= 100; i++) {
      order(state, 'r')
      t.ok(state.homes.get('r')!.history.length <= 2 * LIMITS.history)
    }
    t.equal(state.homes.get('r')!.history.at(-1)?.number, 100)
    t.equal(state.homes.get('r')!.last, 100)
  })

  t.test('a history of none keeps none', async (t) => {
    const { state } = setUp({ history: 0 })
    for (let i = 1; i <= 5; i++) order(state, 'r')
    t.same(state.homes.get('r')!.history, [])
    t.equal(state.homes.get('r')!.last, 5)
  })

  t.test('rooms without members are bounded, those longest empty go first', async (t) => {
    const { state } = setUp({ emptyRooms: 3 })
    apply(state, { type: 'homeJoined', room: 'kept', session: 'x', slot: 2, data: {} })
    for (const room of ['a', 'b', 'c']) order(state, room)
    apply(state, { type: 'homeJoined', room: 'a', session: 'x', slot: 2, data: {} })
    apply(state, { type: 'homeLeft', room: 'a', session: 'x' })
    order(state, 'd')
    t.same([...state.homes.keys()], ['kept', 'a', 'c', 'd'], 'a was empty for less time than b')
    t.same([...state.emptyHomes], ['c', 'a', 'd'])
  })

  t.test('members are counted per slot', async (t) => {
    const { state } = setUp()
    const join = (session: string, slot: number): void =>
      apply(state, { type: 'homeJoined', room: 'r', session, slot, data: {} })
    join('a', 1)
    join('b', 1)
    join('b', 1)
    join('c', 2)
    const home = state.homes.get('r')!
    t.same(
      [...home.slots],
      [
        [1, 2],
        [2, 1],
      ],
    )
    apply(state, { type: 'homeLeft', room: 'r', session: 'b' })
    apply(state, { type: 'homeLeft', room: 'r', session: 'b' })
    t.same(
      [...home.slots],
      [
        [1, 1],
        [2, 1],
      ],
    )
    apply(state, { type: 'peerReset', slot: 1 })
    t.same([...home.slots], [[2, 1]])
    t.same([...home.members.keys()], ['c'])
    apply(state, { type: 'peerReset', slot: 2 })
    t.same([...state.emptyHomes], ['r'])
  })

  t.test('a join is answered with the number of the next message', async (t) => {
    const { state } = setUp()
    for (let i = 0; i < 4; i++) order(state, 'r')
    apply(state, { type: 'homeJoined', room: 'r', session: 'x', slot: 2, data: {} })
    t.same(decodeItem(state.outbox(2).at(1).data as Uint8Array), {
      kind: 'joined',
      room: 'r',
      session: 'x',
      number: 5,
    })
  })
})

t.test('streams of peers', async (t) => {
  const { state } = setUp()
  apply(state, { type: 'itemTaken', from: 1, number: 7 })
  t.equal(state.received(1), 7)
  for (let i = 0; i < 3; i++) {
    apply(state, { type: 'published', room: 'r', home: 1, data: 'e["x"]', except: ['a'], volatile: true })
  }
  t.same(decodeItem(state.outbox(1).at(1).data as Uint8Array), {
    kind: 'publish',
    room: 'r',
    frame: 'e["x"]',
    except: ['a'],
    volatile: true,
  })
  apply(state, { type: 'itemsReceived', to: 1, count: 2 })
  t.equal(state.outbox(1).base, 2)
  apply(state, { type: 'peerReset', slot: 1 })
  t.equal(state.received(1), 0)
  t.equal(state.outbox(1).end, 0)
})

/** What is durable, as a journal would bring it back. */
function durable(state: WorkerState): unknown {
  const sessions = [...state.sessions.values()].map((session) => {
    const {
      id,
      phase,
      data,
      outbox,
      handled,
      handledCheck,
      opened,
      instance,
      attempt,
      rooms,
      finishedAhead,
    } = session
    const held = Array.from(
      { length: outbox.end - outbox.base },
      (_, i) => outbox.at(outbox.base + 1 + i).data,
    )
    const members = [...(rooms ?? [])].map(([room, { standing, answersDue }]) => [room, standing, answersDue])
    const { base, end, bytes, baseCheck } = outbox
    return {
      id,
      phase,
      data,
      base,
      end,
      bytes,
      baseCheck,
      held,
      handled,
      handledCheck,
      opened,
      instance,
      attempt,
      members,
      finishedAhead,
    }
  })
  const homes = [...state.homes].map(([name, { last, members, slots, history }]) => [
    name,
    last,
    [...members],
    [...slots],
    history.length,
  ])
  const rooms = [...state.rooms].map(([name, { members }]) => [name, [...members].map(({ id }) => id)])
  return { sessions, homes, rooms, tombstones: [...state.tombstones], empty: [...state.emptyHomes] }
}

t.test('the records of a live worker, applied again, make the same state', async (t) => {
  const fleet: TestWorker[] = []
  const worker = new TestWorker({ slot: 0, fleet })
  const there = new TestWorker({ slot: 1, fleet })
  worker.listen('say', (text) => {
    worker.server.to('near').emit('said', text)
    return text
  })
  const ann = await Peer.connected(worker, { key: 'ann' })
  const bob = await Peer.connected(worker, { key: 'bob' })
  const eve = await Peer.connected(worker, { key: 'eve' })
  for (const app of worker.apps) {
    void app.join('near')
    void app.join('far')
    app.update({ joined: true })
  }
  for (let i = 0; i < 5; i++) {
    ann.ask('say', i)
    await settle(worker, there)
    ann.read()
    ann.send(`r${ann.inbox.count}`)
  }
  bob.lose()
  await bob.connect()
  bob.lose()
  worker.sessions.end(eve.session!, 'closed_by_server', '', 'close')
  for (let i = 0; i < 17; i++) worker.apps[1]!.emit('much', 'x'.repeat(1000))
  await settle(worker, there)
  t.ok(worker.seen.includes('close outbox_overflow'))

  const again = new WorkerState(0, LIMITS)
  for (const record of worker.batches.flat()) apply(again, record)
  t.same(durable(again), durable(worker.state))
  t.equal(worker.state.sessions.size, 1)
  t.equal(worker.state.tombstones.size, 2)
})
