import type { Worker } from 'node:cluster'
import t from 'tap'
import { placeSegment, type Route } from '../../lib/placement.ts'
import { Dispatcher } from '../../lib/primary/dispatcher.ts'
import type { Arrival } from '../../lib/primary/handover.ts'
import { FakeWorker } from './fixtures/fake-worker.ts'

const KEY = Buffer.alloc(32, 5)
const ANY: Route = { kind: 'any' }

/** Of this slot. */
function segmentOn(slot: number): Route {
  for (let i = 0; ; i++)
    if (placeSegment(KEY, `s${i}`, 2) === slot) return { kind: 'segment', segment: `s${i}` }
}

/** Two workers, ready, and what became of arrivals by name. */
function rig(t: { teardown(undo: () => void): unknown }) {
  const refused: string[] = []
  const nameOf = (handle: unknown): string => (handle as { name: string }).name
  const dispatcher = new Dispatcher({
    workers: 2,
    placementKey: KEY,
    handoversWaiting: 10,
    handoverMs: 60_000,
    parkMs: 60_000,
    refuse: ({ handle }) => refused.push(nameOf(handle)),
  })
  t.teardown(() => dispatcher.close())
  const workers = [new FakeWorker(), new FakeWorker()] as const
  const ready = (slot: number, worker: FakeWorker): void =>
    dispatcher.ready(slot, worker as unknown as Worker)
  const place = (name: string, route: Route): boolean => {
    const handle = { name, readStop: () => 0, close: () => {} }
    return dispatcher.place({ handle, head: Buffer.alloc(0), route, address: null } as unknown as Arrival)
  }
  /** All that was given to a worker, in order; each is confirmed. */
  const taken = (worker: FakeWorker): string[] => {
    for (let i = 0; i < worker.sent.length; i++) {
      worker.sent[i]!.written()
      worker.confirm()
    }
    return worker.sent.splice(0).map(({ handle }) => nameOf(handle))
  }
  return { dispatcher, workers, refused, ready, place, taken }
}

t.test('where a connection goes', async (t) => {
  const { workers, ready, place, taken } = rig(t)
  t.notOk(place('too early', ANY), 'nobody was ever there')
  for (const slot of [0, 1]) ready(slot, workers[slot]!)
  place('a', segmentOn(0))
  place('b', segmentOn(1))
  place('c', { kind: 'sid', slot: 0 })
  place('d', { kind: 'sid', slot: 1 })
  t.same(
    [taken(workers[0]), taken(workers[1])],
    [
      ['a', 'c'],
      ['b', 'd'],
    ],
  )
  place('e', ANY)
  place('f', ANY)
  place('g', { kind: 'sid', slot: 7 })
  place('h', ANY)
  t.same([taken(workers[0]).length, taken(workers[1]).length], [2, 2], 'anywhere: in turn')
})

t.test('what any can take passes over a worker that takes nothing', async (t) => {
  const { dispatcher, workers, ready, place, taken } = rig(t)
  for (const slot of [0, 1]) ready(slot, workers[slot]!)
  for (const name of ['a', 'b', 'c']) place(name, segmentOn(0))
  t.same(dispatcher.waiting(0), { handovers: 3, parked: 0 })
  for (const name of ['d', 'e', 'f']) {
    place(name, ANY)
    t.same(taken(workers[1]), [name])
  }
})

t.test('a worker that dies, and the next one', async (t) => {
  const { dispatcher, workers, refused, ready, place, taken } = rig(t)
  for (const slot of [0, 1]) ready(slot, workers[slot]!)
  const route = segmentOn(0)
  place('own 1', route)
  place('own 2', route)
  dispatcher.gone(0)
  t.same(dispatcher.waiting(0), { handovers: 0, parked: 2 })
  place('own 3', route)
  place('any', ANY)
  t.same(taken(workers[1]), ['any'])
  const next = new FakeWorker()
  ready(0, next)
  t.same(taken(next), ['own 1', 'own 2', 'own 3'], 'in the order in which they came')
  dispatcher.gone(0)
  place('too late', route)
  dispatcher.close()
  t.same(refused, ['too late'])
})

t.test('a worker that leaves', async (t) => {
  const { dispatcher, workers, refused, ready, place, taken } = rig(t)
  for (const slot of [0, 1]) ready(slot, workers[slot]!)
  const route = segmentOn(0)
  for (const name of ['on its way', 'waits']) place(name, route)
  dispatcher.leaving(0)
  t.same(dispatcher.waiting(0), { handovers: 0, parked: 1 })
  t.same(taken(workers[0]), ['on its way'], 'may arrive yet')
  dispatcher.gone(0)
  const next = new FakeWorker()
  ready(0, next)
  t.same([taken(next), refused], [['waits'], []])
})
