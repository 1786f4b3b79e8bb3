/** A worker that does not take its items, and the bound of what waits for it at the homes of its members' rooms. */
import assert from 'node:assert/strict'
import t from 'tap'
import { type Item, kindOfItem } from '../../lib/bus/items.ts'
import { apply } from '../../lib/worker/apply.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS, Peer, settle, TestWorker } from '../support/core.ts'
import { seeded } from '../support/seed.ts'

const BUS_BYTES = 4000
const FILL = 'x'.repeat(500)

/** Two workers, a client on each; `far…` rooms have their home in the second. Commits and the bus run when told. */
async function pair() {
  const fleet: TestWorker[] = []
  const here = new TestWorker({ slot: 0, fleet, limits: { busBytes: BUS_BYTES } })
  const there = new TestWorker({ slot: 1, fleet, limits: { busBytes: BUS_BYTES } })
  const ann = await Peer.connected(here, { key: 'ann' })
  const bob = await Peer.connected(there, { key: 'bob' })
  return { here, there, ann, bob, a: here.apps[0]!, b: there.apps[0]!, all: () => settle(here, there) }
}

const waiting = (worker: TestWorker, slot: number): Item['kind'][] => {
  const { base, end } = worker.state.outbox(slot)
  return Array.from({ length: end - base }, (_, i) =>
    kindOfItem(worker.state.outbox(slot).at(base + 1 + i).data as Uint8Array),
  )
}
const cuts = (worker: TestWorker): StateRecord[] =>
  worker.batches.flat().filter(({ type }) => type === 'peerCut')

t.test('below the bound everything waits, and is delivered', async (t) => {
  const { here, bob, b, all } = await pair()
  await Promise.all([b.join('near'), all()])
  for (let n = 1; n <= 6; n++) here.server.to('near').emit('said', n, FILL)
  here.commit()
  t.ok(here.state.outbox(1).bytes > BUS_BYTES / 2)
  await all()
  t.same(
    bob.read().map((words) => words.slice(0, 12)),
    [1, 2, 3, 4, 5, 6].map((n) => `event said ${n}`),
  )
  t.same(cuts(here), [])
})

t.test('past it: memory is free at once, and members are told behind what they got', async (t) => {
  const { here, there, ann, bob, a, b, all } = await pair()
  const other = await Peer.connected(there, { key: 'other' })
  await Promise.all([a.join('near'), b.join('near'), there.apps[1]!.join('far'), all()])
  for (let n = 1; n <= 3; n++) here.server.to('near').emit('said', n, FILL)
  here.commit()
  for (let n = 0; n < 2; n++) here.busDeliver(there)
  for (let n = 4; n <= 25; n++) here.server.to('near').emit('said', n, FILL)
  t.same(waiting(here, 1), ['message', 'message', 'cut'], 'those that have left, and the mark')
  t.ok(here.state.outbox(1).bytes < 1500)
  t.same([...here.state.homes.get('near')!.members.keys()], [a.id])
  here.commit()
  t.same(cuts(here), [{ type: 'peerCut', slot: 1, after: here.state.outbox(1).end - 1 }], 'once')

  there.commit()
  await all()
  t.same(
    bob.read().map((words) => words.slice(0, 12)),
    ['event said 1', 'event said 2', 'gone room_lo'],
  )
  t.match(ann.read(), { length: 25 }, 'the members at home have them all')
  t.same(other.read(), [], 'rooms of other homes are as they were')
  t.same(there.seen, ['open', 'open', 'close room_lost'])
  t.equal(there.state.rooms.has('near'), false)

  const again = await Peer.connected(there, { key: 'bob-again' })
  await Promise.all([there.apps[2]!.join('near'), all()])
  here.server.to('near').emit('said', 'welcome back')
  await all()
  t.same(again.read(), ['event said welcome back'])
})

t.test('what sessions here ask of rooms there is neither lost nor doubled', async (t) => {
  const { here, there, ann, a, b, all } = await pair()
  const eve = await Peer.connected(here, { key: 'eve' })
  await Promise.all([a.join('far'), b.join('near'), b.join('far'), all()])
  here.server.to('near').emit('said', 'left', FILL)
  a.to('far').emit('kept', 1)
  here.commit()
  here.busDeliver(there)
  const joining = here.apps[1]!.join('far')
  a.to('far').emit('kept', 2)
  for (let n = 0; n < 20; n++) here.server.to('near').emit('said', n, FILL)
  a.to('far').emit('kept', 3)
  t.same(waiting(here, 1), ['message', 'publish', 'join', 'publish', 'cut', 'publish'])
  await all()
  await joining
  t.same(
    ann.read(),
    [1, 2, 3].map((n) => `event kept ${n}`),
  )
  t.same(
    eve.read(),
    [2, 3].map((n) => `event kept ${n}`),
  )
  t.same(await there.server.room('far').count(), 2, 'only the session that missed messages has ended')
})

t.test('joins that are under way', async (t) => {
  const { here, there, b, bob, all } = await pair()
  const late = await Peer.connected(there, { key: 'late' })
  const gone = await Peer.connected(there, { key: 'gone' })
  const [, l, g] = there.apps
  await Promise.all([b.join('near'), all()])
  const answered = g!.join('near')
  there.commit()
  there.busDeliver(here)
  here.commit()
  t.same(waiting(here, 1), ['joined'], 'the answer waits')
  const unanswered = l!.join('near')
  there.commit()
  for (let n = 0; n < 20; n++) here.server.to('near').emit('said', n, FILL)
  here.commit()
  t.same(waiting(here, 1), ['joined', 'cut'])
  there.busDeliver(here)
  here.server.to('near').emit('said', 'to those who joined since')
  await all()
  await answered
  await unanswered
  t.match(bob.read().at(-1), /gone room_lost/)
  t.match(gone.read(), [/gone room_lost/])
  t.same(late.read(), ['event said to those who joined since'], 'it was a member from its join on')
  t.same([...here.state.homes.get('near')!.members.keys()], [l!.id])
})

t.test('left before the answer came, and joined again', async (t) => {
  const { here, there, b, bob, all } = await pair()
  const first = b.join('near')
  there.commit()
  there.busDeliver(here)
  void b.leave('near')
  const second = b.join('near')
  there.commit()
  for (let n = 0; n < 20; n++) here.server.to('near').emit('said', n, FILL)
  here.commit()
  t.equal(cuts(here).length, 1)
  there.busDeliver(here)
  here.server.to('near').emit('said', 'between')
  there.busDeliver(here)
  here.server.to('near').emit('said', 'mine')
  await all()
  await t.rejects(first, { code: 'join_cancelled' })
  await second
  t.same(bob.read(), ['event said mine'], 'each join has its own answer')
})

t.test('half is for what sessions ask; volatile messages do not wait behind more', async (t) => {
  const { here, bob, a, b, all } = await pair()
  await Promise.all([b.join('near'), all()])
  for (let n = 0; n < 4; n++) here.server.to('near').emit('said', n, FILL)
  here.server.to('near').volatile.emit('typing')
  t.equal(here.state.outbox(1).bytes > BUS_BYTES / 2, true)
  t.throws(() => a.to('far').emit('said'), { code: 'room_unavailable' })
  await t.rejects(a.join('far'), { code: 'room_unavailable' })
  const { end } = here.state.outbox(1)
  here.server.to('near').volatile.emit('typing')
  t.equal(here.state.outbox(1).end, end)
  await all()
  t.equal(bob.read().length, 4)
  here.server.to('near').volatile.emit('typing')
  await all()
  t.same(bob.read(), ['volatile typing'])
})

t.test('a message larger than the bound is carried when it is alone', async (t) => {
  const { here, bob, b, all } = await pair()
  await Promise.all([b.join('near'), all()])
  here.server.to('near').emit('said', 'x'.repeat(LIMITS.payloadBytes - 100))
  await all()
  t.equal(bob.read().length, 1)
  t.same(cuts(here), [])
})

/** Each member gets the room's numbers without a gap, from the one at which it joined. */
function watchOrder(worker: TestWorker, findings: string[]): void {
  const next = new Map<string, number>()
  const record = worker.turn.record.bind(worker.turn)
  worker.turn.record = (entry) => {
    record(entry)
    if (entry.type === 'joined') {
      const { session, room, number } = entry
      if (worker.state.sessions.get(session)?.rooms?.get(room)?.standing === 'member')
        next.set(`${session}/${room}`, number)
    }
    if (entry.type !== 'delivered' && entry.type !== 'ordered') return
    const number = entry.type === 'delivered' ? entry.number : worker.state.homes.get(entry.room)!.last
    for (const { id } of worker.state.rooms.get(entry.room)?.members ?? []) {
      const place = `${id}/${entry.room}`
      if (next.get(place) !== number) findings.push(`${place} got ${number} instead of ${next.get(place)}`)
      next.set(place, number + 1)
    }
  }
}

/** What two states must agree on when they come from the same records. */
function digest(state: WorkerState): unknown {
  return {
    peers: [...state.peers].map(([slot, { outbox, received, receivedCheck }]) => {
      const { base, end, bytes } = outbox
      return { slot, base, end, bytes, check: outbox.checkAt(end), received, receivedCheck }
    }),
    homes: [...state.homes].map(([room, { last, members }]) => [room, last, [...members.keys()]]),
    rooms: [...state.rooms].map(([room, { members }]) => [room, [...members].map(({ id }) => id)]),
  }
}

t.test(
  'stalls, joins, leaves and publishes at random: one order, no publish lost, both ends agree',
  async (t) => {
    const random = seeded(t)
    let stalls = 0
    // About one cut a run: twenty runs may have few by chance.
    for (let run = 0; run < 20 || (stalls <= 15 && run < 60); run++) {
      const { here, there, all } = await pair()
      const workers = [here, there] as const
      const findings: string[] = []
      for (const worker of workers) watchOrder(worker, findings)
      const published = { near: 0, far: 0 }
      let clients = 0
      for (let step = 0; step < 600; step++) {
        const worker = random.pick(workers)
        const other = worker === here ? there : here
        const room = random.pick(['near', 'far'] as const)
        const session = random.pick(worker.apps)
        const what = random.int(0, 9)
        if (what <= 3) {
          try {
            worker.server.to(room).emit('said', random.chance(0.5) ? FILL : '')
            published[room] += 1
          } catch (error) {
            if ((error as { code?: string }).code !== 'room_unavailable') throw error
          }
        } else if (what === 4) void session.join(room).catch(() => {})
        else if (what === 5) void session.leave(room).catch(() => {})
        else if (what === 6 && random.chance(0.3)) {
          await Peer.connected(worker, { key: `client-${++clients}` })
        } else if (what === 7) worker.commit()
        // Slower than what is published.
        else if (what === 8 && worker.due === null && random.chance(0.7)) worker.busDeliver(other)
      }
      await all()
      const { near, far } = published
      assert.deepEqual(findings, [])
      assert.deepEqual(
        [here.state.homes.get('near')?.last ?? 0, there.state.homes.get('far')?.last ?? 0],
        [near, far],
      )
      for (const [home, room] of [
        [here, 'near'],
        [there, 'far'],
      ] as const) {
        const members = [...(home.state.homes.get(room)?.members.keys() ?? [])].sort()
        const sessions = workers.flatMap(({ state }) =>
          [...(state.rooms.get(room)?.members ?? [])].map(({ id }) => id),
        )
        assert.deepEqual(members, sessions.sort())
      }
      for (const { slot, state, batches } of workers) {
        const again = new WorkerState(slot, state.limits)
        for (const record of batches.flat()) apply(again, record)
        assert.deepEqual(digest(again), digest(state))
        assert.deepEqual(waiting(workers[slot]!, 1 - slot), [])
      }
      stalls += cuts(here).length + cuts(there).length
    }
    t.ok(stalls > 15, `${stalls} cuts`)
  },
)
