import t from 'tap'
import { decodeItem } from '../../lib/bus/items.ts'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { apply } from '../../lib/worker/apply.ts'
import type { WorkerState } from '../../lib/worker/state.ts'
import { setUp } from '../support/applied.ts'
import { LIMITS } from '../support/core.ts'

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
