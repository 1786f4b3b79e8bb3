import t from 'tap'
import { decodeItem } from '../../lib/bus/items.ts'
import { Frame } from '../../lib/wire/frames.ts'
import { apply } from '../../lib/worker/apply.ts'
import type { WorkerState } from '../../lib/worker/state.ts'
import { frame, setUp } from '../support/applied.ts'
import { LIMITS } from '../support/core.ts'

t.test('a room at its home', async (t) => {
  const order = (state: WorkerState, room: string): void =>
    apply(state, { type: 'ordered', room, frame: frame(10), except: [], at: 1 })

  t.test('history is bounded', async (t) => {
    const { state } = setUp()
    for (let i = 1; i <= 100; i++) {
      order(state, 'r')
      t.equal(state.homes.get('r')!.history.length, Math.min(i, LIMITS.history))
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

  t.test('and what is too old goes with the next message', async (t) => {
    const { state } = setUp({ historyAgeMs: 10 })
    const at = (time: number): void =>
      apply(state, { type: 'ordered', room: 'r', frame: frame(10), except: [], at: time })
    const times = (): number[] => state.homes.get('r')!.history.map((item) => item.at)
    for (const time of [1, 5, 5, 11]) at(time)
    t.same(times(), [1, 5, 5, 11])
    at(12)
    t.same(times(), [5, 5, 11, 12])
    at(16)
    t.same(times(), [11, 12, 16])
    at(3)
    t.same(times(), [11, 12, 16, 3], 'a clock that was set back forgets nothing')
    t.equal(state.homes.get('r')!.historyBytes, 40)
  })

  t.test('bytes of histories of rooms without members are bounded', async (t) => {
    const { state } = setUp({ emptyRoomsBytes: 50 })
    apply(state, { type: 'homeJoined', room: 'kept', session: 'x', slot: 2, data: {}, watches: false })
    for (let i = 0; i < 9; i++) order(state, 'kept')
    t.equal(state.emptyBytes, 0, 'where members are nothing is counted')
    for (const room of ['a', 'a', 'b', 'b', 'c']) order(state, room)
    t.equal(state.emptyBytes, 50)
    order(state, 'c')
    t.same([...state.homes.keys()], ['kept', 'b', 'c'], 'the one that was empty longest')
    t.equal(state.emptyBytes, 40)
    apply(state, { type: 'homeJoined', room: 'b', session: 'x', slot: 2, data: {}, watches: false })
    t.equal(state.emptyBytes, 20)
    for (let i = 0; i < 3; i++) order(state, 'b')
    apply(state, { type: 'homeLeft', room: 'b', session: 'x' })
    t.same([...state.homes.keys()], ['kept', 'b'])
    t.equal(state.emptyBytes, 50)
    apply(state, { type: 'homeLeft', room: 'kept', session: 'x' })
    t.same([...state.homes.keys()], [], 'one that is too large by itself')
    t.equal(state.emptyBytes, 0)
  })

  t.test('another memory of a room has another name', async (t) => {
    const { state } = setUp({ emptyRooms: 1 })
    apply(state, { type: 'homeOpened', room: 'r', epoch: 'one' })
    order(state, 'r')
    apply(state, { type: 'homeOpened', room: 'other', epoch: 'two' })
    t.notOk(state.homes.has('r'))
    apply(state, { type: 'homeOpened', room: 'r', epoch: 'three' })
    t.match(state.homes.get('r'), { epoch: 'three', last: 0 })
  })

  t.test('rooms without members are bounded, those longest empty go first', async (t) => {
    const { state } = setUp({ emptyRooms: 3 })
    apply(state, { type: 'homeJoined', room: 'kept', session: 'x', slot: 2, data: {}, watches: false })
    for (const room of ['a', 'b', 'c']) order(state, room)
    apply(state, { type: 'homeJoined', room: 'a', session: 'x', slot: 2, data: {}, watches: false })
    apply(state, { type: 'homeLeft', room: 'a', session: 'x' })
    order(state, 'd')
    t.same([...state.homes.keys()], ['kept', 'a', 'c', 'd'], 'a was empty for less time than b')
    t.same([...state.emptyHomes], ['c', 'a', 'd'])
  })

  t.test('members are counted per slot', async (t) => {
    const { state } = setUp()
    const join = (session: string, slot: number): void =>
      apply(state, { type: 'homeJoined', room: 'r', session, slot, data: {}, watches: false })
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

  t.test('who watches is counted per slot, and told one item per slot', async (t) => {
    const { state } = setUp()
    const fields = { room: 'r', data: {} }
    const join = (session: string, slot: number, watches: boolean): void =>
      apply(state, { type: 'homeJoined', ...fields, session, slot, watches })
    const renew = (session: string, watches: boolean): void =>
      apply(state, { type: 'homeRenewed', ...fields, session, watches })
    const watching = (): Record<number, number> => Object.fromEntries(state.homes.get('r')!.watching)
    join('a', 1, true)
    join('b', 1, true)
    join('c', 2, false)
    join('d', 3, false)
    t.same(watching(), { 1: 2 })
    renew('b', false)
    renew('c', true)
    renew('c', true)
    renew('nobody', true)
    t.same(watching(), { 1: 1, 2: 1 })
    const ends = [1, 2, 3].map((slot) => state.outbox(slot).end)
    apply(state, { type: 'noticed', room: 'r', frame: new Frame('e["joined","r",{}]') })
    t.same(
      [1, 2, 3].map((slot) => state.outbox(slot).end),
      [ends[0]! + 1, ends[1]! + 1, ends[2]],
    )
    t.same(decodeItem(state.outbox(2).at(ends[1]! + 1).data as Uint8Array), {
      kind: 'notice',
      room: 'r',
      frame: 'e["joined","r",{}]',
    })
    t.equal(state.homes.get('r')!.last, 0, 'a notice has no place of its own')
    apply(state, { type: 'homeLeft', room: 'r', session: 'c' })
    apply(state, { type: 'peerReset', slot: 1 })
    t.same(watching(), {})
  })

  t.test('a join is answered with the number of the next message', async (t) => {
    const { state } = setUp()
    for (let i = 0; i < 4; i++) order(state, 'r')
    apply(state, { type: 'homeJoined', room: 'r', session: 'x', slot: 2, data: {}, watches: false })
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
  apply(state, { type: 'itemTaken', from: 1, number: 7, check: 77 })
  t.strictSame([state.received(1), state.receivedCheck(1)], [7, 77])
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
  t.strictSame([state.received(1), state.receivedCheck(1)], [0, 0])
  t.equal(state.outbox(1).end, 0)
})
