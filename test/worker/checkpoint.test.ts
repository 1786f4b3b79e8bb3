import t from 'tap'
import { FieldReader, FieldWriter } from '../../lib/bus/fields.ts'
import type { Frame } from '../../lib/wire/frames.ts'
import { apply } from '../../lib/worker/apply.ts'
import {
  type CheckpointOf,
  type CheckpointRecord,
  checkpointOf,
  restore,
} from '../../lib/worker/checkpoint.ts'
import { type FramesSeen, readRecord, writeRecord } from '../../lib/worker/journal-codec.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { frame, setUp } from '../support/applied.ts'
import { LIMITS } from '../support/core.ts'
import { digestOf } from '../support/state-digest.ts'

/** Through the bytes of a checkpoint. */
function again(state: WorkerState, limits = state.limits): { restored: WorkerState; bytes: number } {
  const restored = new WorkerState(state.slot, limits)
  const seen: FramesSeen = new Map()
  const read: Frame[] = []
  let bytes = 0
  for (const record of checkpointOf(state)) {
    const out = new FieldWriter()
    writeRecord(out, record, seen)
    bytes += out.written.length
    restore(restored, readRecord(new FieldReader(out.written), read) as CheckpointRecord)
  }
  return { restored, bytes }
}

function recordsOf<T extends CheckpointRecord['type']>(state: WorkerState, type: T): CheckpointOf<T>[] {
  return [...checkpointOf(state)].filter((record): record is CheckpointOf<T> => record.type === type)
}

function applied(state: WorkerState, ...records: StateRecord[]): void {
  for (const record of records) apply(state, record)
}

const join = (room: string, watches: boolean, home = 0): StateRecord[] => [
  { type: 'joining', session: 's', room, home, data: {}, watches },
  { type: 'homeJoined', session: 's', room, slot: 0, data: { name: 'Ann' }, watches },
  { type: 'joined', session: 's', room, number: 1 },
]

t.test('a session, as it is', async (t) => {
  const { state, session } = setUp()
  t.same(recordsOf(state, 'session')[0], {
    type: 'session',
    session: 's',
    keyHash: 'hash',
    segment: 'seg',
    address: 'addr',
    data: { a: 1 },
    since: 0,
    opened: false,
    handled: 0,
    handledCheck: 0,
    instance: '',
    attempt: 0,
    rare: {},
    base: 0,
    baseCheck: 0,
    frames: [],
  })
  const about = { session: 's' } as const
  applied(
    state,
    { type: 'handled', ...about, number: 0, crc: 0 },
    ...['one', 'two', 'two'].map(
      (instance, i): StateRecord => ({ type: 'attached', ...about, instance, attempt: 7 + i, received: 0 }),
    ),
    { type: 'updated', ...about, patch: { deep: { list: [1] } } },
    ...[1, 2, 3].map((): StateRecord => ({ type: 'sent', ...about, frame: frame() })),
    { type: 'received', ...about, count: 1 },
    { type: 'attempted', ...about, number: 2 },
    { type: 'attempted', ...about, number: 2 },
    { type: 'handled', ...about, number: 1, crc: 11 },
    { type: 'handled', ...about, number: 4, crc: 44 },
    ...join('member', true),
    { type: 'joining', ...about, room: 'asked', home: 1, data: {}, watches: false },
    { type: 'joining', ...about, room: 'gone', home: 1, data: {}, watches: false },
    { type: 'left', ...about, room: 'gone', home: 1 },
    { type: 'suspended', ...about, at: 5000 },
  )
  const { restored } = again(state)
  t.same(digestOf(restored), digestOf(state))
  const copy = restored.sessions.get('s')!
  t.equal(restored.byKey.get('hash'), copy)
  t.same(copy.phase, { kind: 'suspended', since: 5000 })
  t.same(copy.data, { a: 1, deep: { list: [1] } })
  t.throws(
    () => Object.assign((copy.data as { deep: object }).deep, { x: 1 }),
    TypeError,
    'frozen throughout',
  )
  t.same([...copy.formerAttempts!], [['one', 7]])
  t.same([...copy.attempts!], [[2, 2]])
  t.same([...copy.finishedAhead!], [[4, 44]])
  t.same(
    [...copy.rooms!].map(([room, { standing, answersDue, watches }]) => [
      room,
      standing,
      answersDue,
      watches,
    ]),
    [
      ['member', 'member', 0, true],
      ['asked', 'joining', 1, false],
      ['gone', 'left', 1, false],
    ],
  )
  t.same([...restored.rooms.keys()], ['member'])
  t.ok(restored.rooms.get('member')!.watchers?.has(copy))
  t.same([copy.outbox.base, copy.outbox.end, copy.outbox.bytes], [1, 3, 20])
  t.equal(copy.outbox.checkAt(3), session.outbox.checkAt(3))
  t.same([copy.link, copy.cursor, copy.inbox.count], [null, -1, 0], 'what belongs to a process begins anew')
})

t.test('what goes on from it comes to the same', async (t) => {
  const { state } = setUp()
  applied(state, ...join('r', true), { type: 'handled', session: 's', number: 2, crc: 5 })
  const { restored } = again(state)
  const records: StateRecord[] = [
    { type: 'ordered', room: 'r', frame: frame(), except: [], at: 3 },
    { type: 'noticed', room: 'r', frame: frame(7) },
    { type: 'handled', session: 's', number: 1, crc: 6 },
    { type: 'homeJoined', room: 'r', session: 'x', slot: 1, data: {}, watches: true },
    { type: 'ordered', room: 'r', frame: frame(12), except: [], at: 4 },
    { type: 'peerCut', slot: 1, after: 0 },
  ]
  applied(state, ...records)
  applied(restored, ...records)
  t.same(digestOf(restored), digestOf(state))
  t.equal(restored.sessions.get('s')!.handled, 2)
})

t.test('a frame that waits in many outboxes and in a history is written once', async (t) => {
  const { state } = setUp()
  for (let i = 0; i < 50; i++)
    applied(
      state,
      { type: 'opened', session: `s${i}`, keyHash: `h${i}`, segment: '', address: '', data: {} },
      ...join('r', false).map((record) => ({ ...record, session: `s${i}` }) as StateRecord),
    )
  const without = again(state).bytes
  applied(state, { type: 'ordered', room: 'r', frame: frame(5000), except: [], at: 1 })
  const { restored, bytes } = again(state)
  t.ok(bytes - without < 5200 + 50 * 2, `${bytes - without} bytes for 51 times 5000`)
  const [kept] = restored.homes.get('r')!.history
  for (const { outbox } of restored.sessions.values())
    if (outbox.end > 0 && outbox.at(1) !== kept!.frame) t.fail('another copy of it')
  t.same(digestOf(restored), digestOf(state))
})

t.test('homes: members, numbers, times; empty ones in the order in which they were emptied', async (t) => {
  const { state } = setUp({ emptyRooms: 3 })
  for (const room of ['a', 'b', 'c', 'd'])
    applied(state, ...join(room, room === 'd'), { type: 'ordered', room, frame: frame(), except: [], at: 9 })
  for (const room of ['c', 'a', 'b']) applied(state, { type: 'homeLeft', room, session: 's' })
  applied(state, { type: 'ordered', room: 'a', frame: frame(), except: [], at: 10 })
  const { restored } = again(state)
  t.same(digestOf(restored), digestOf(state))
  t.same([...restored.emptyHomes], ['c', 'a', 'b'])
  t.equal(restored.emptyBytes, 40)
  t.same(
    restored.homes.get('a')!.history.map(({ number, at }) => [number, at]),
    [
      [1, 9],
      [2, 10],
    ],
  )
  t.same(restored.homes.get('d')!.members.get('s'), { slot: 0, data: { name: 'Ann' }, watches: true })
  t.same(
    [...restored.homes.get('d')!.slots, ...restored.homes.get('d')!.watching],
    [
      [0, 1],
      [0, 1],
    ],
  )
  applied(restored, { type: 'homeLeft', room: 'd', session: 's' })
  t.same([...restored.homes.keys()].sort(), ['a', 'b', 'd'], 'the one that was empty longest is forgotten')
})

t.test('tombstones, and streams between workers', async (t) => {
  const { state } = setUp()
  applied(
    state,
    { type: 'peerMet', slot: 2, epoch: 'epoch' },
    { type: 'published', room: 'far', home: 2, data: 'e["x"]', except: ['y'], volatile: false },
    { type: 'published', room: 'far', home: 2, data: new Uint8Array([1, 2]), except: [], volatile: false },
    { type: 'itemsReceived', to: 2, count: 1 },
    { type: 'itemTaken', from: 2, number: 6, check: 77 },
    { type: 'itemTaken', from: 3, number: 1, check: 8 },
    { type: 'handled', session: 's', number: 1, crc: 1 },
    {
      type: 'closed',
      session: 's',
      code: 'own',
      reason: 'why',
      says: 'close',
      taken: 4,
      tombstoneUntil: 99,
    },
  )
  const { restored } = again(state)
  t.same(digestOf(restored), digestOf(state))
  t.same(restored.tombstones.get('hash'), {
    session: 's',
    code: 'own',
    reason: 'why',
    says: 'close',
    handled: 1,
    taken: 4,
    until: 99,
  })
  t.same([restored.epoch(2), restored.epoch(3)], ['epoch', null])
  t.same([restored.received(2), restored.receivedCheck(2), restored.received(3)], [6, 77, 1])
  const outbox = restored.outbox(2)
  t.same([outbox.base, outbox.end], [1, 2])
  t.equal(outbox.checkAt(2), state.outbox(2).checkAt(2))
})

t.test('limits of another start: what is more is forgotten as it is restored', async (t) => {
  const { state } = setUp()
  for (const room of ['a', 'b', 'c'])
    applied(state, { type: 'ordered', room, frame: frame(), except: [], at: 1 })
  const { restored } = again(state, { ...LIMITS, emptyRooms: 1 })
  t.same([...restored.homes.keys()], ['c'])
})
