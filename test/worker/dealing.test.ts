/** Another number of workers: who gets what, with items under way. */
import t from 'tap'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS, Peer, settle, TestWorker } from '../support/core.ts'
import { asOld, Crowd, clock, copied, dealt, fleetOf, limits, saidIn } from '../support/dealt.ts'
import { seeded } from '../support/seed.ts'

t.test('1, 2, 3 and 5 workers, from each to each', async (t) => {
  const random = seeded(t)
  let underWay = 0
  let heard = 0
  for (let round = 0; round < 4; round++) {
    const crowd = new Crowd(random.fork(), random.pick([1, 2, 3, 5]))
    for (let generation = 0; generation < 3; generation++) {
      for (let i = 0; i < 60; i++) await crowd.act()
      await crowd.restart(random.pick([1, 2, 3, 5]))
    }
    await crowd.finish()
    underWay += crowd.underWay
    heard += [...crowd.heard.values()].flat().length
  }
  t.ok(underWay > 50 && heard > 200, `${underWay} items were under way, ${heard} messages heard`)
})

t.test("times go on by the new slots' clock", async (t) => {
  const worker = new TestWorker({ limits })
  const waiting = await Peer.connected(worker, { key: 'waiting', segment: 's1' })
  await Peer.connected(worker, { key: 'connected', segment: 's1' })
  const ended = await Peer.connected(worker, { key: 'ended', segment: 's2' })
  worker.pass(1000)
  waiting.lose()
  worker.server.to('r0').emit('said', 'x')
  worker.pass(1000)
  worker.apps[2]!.close('own')
  worker.commit()
  const old = { ...asOld(worker), now: 1_005_000 }
  const after = dealt([old], 2, 9_000_000)
  const sessions = after.flatMap(({ sessions }) => [...sessions.values()])
  t.strictSame(
    sessions.map(({ phase }) => phase).sort((a, b) => (a.kind < b.kind ? -1 : 1)),
    [{ kind: 'connected' }, { kind: 'suspended', since: 9_000_000 - 4000 }],
  )
  const until = 9_000_000 - 3000 + 10 * LIMITS.graceMs
  for (const state of after)
    t.match(
      state.tombstones.get(`hash-of-${ended.key}`),
      { code: 'own', says: 'close', until },
      'on each slot',
    )
  t.strictSame(
    after.flatMap(({ homes }) => [...homes.values()].map(({ history }) => history.map(({ at }) => at))),
    [[9_000_000 - 4000]],
  )
})

const pair = async () => {
  const fleet = fleetOf([0, 1].map((slot) => new WorkerState(slot, limits)))
  const [here, there] = fleet as [TestWorker, TestWorker]
  meet(here, there)
  const ann = await Peer.connected(here, { key: 'ann', segment: 's0' })
  const bob = await Peer.connected(there, { key: 'bob', segment: 's1' })
  const eve = await Peer.connected(here, { key: 'eve', segment: 's0' })
  // r1 has its home on slot 0, r0 on slot 1.
  for (const app of [here.apps[0]!, there.apps[0]!]) for (const room of ['r0', 'r1']) void app.join(room)
  void here.apps[1]!.join('r1')
  await settle(here, there)
  return { here, there, ann, bob, eve }
}

/** As their buses would note it. */
const meet = (here: TestWorker, there: TestWorker): void => {
  here.turn.record({ type: 'peerMet', slot: there.slot, epoch: `epoch-${there.slot}` })
  there.turn.record({ type: 'peerMet', slot: here.slot, epoch: `epoch-${here.slot}` })
  for (const worker of [here, there]) worker.commit()
}

const outcome = (states: readonly WorkerState[]) => ({
  sessions: states.flatMap(({ byKey }) => [...byKey.keys()]).sort(),
  ended: Object.fromEntries([...states[0]!.tombstones].map(([key, { code, taken }]) => [key, [code, taken]])),
  homes: Object.fromEntries(
    states
      .flatMap(({ homes }) => [...homes])
      .map(([room, { members, history }]) => [
        room,
        [members.size, ...history.map(({ frame }) => saidIn(frame.data))],
      ]),
  ),
})

t.test('a session whose outbox overflows by what is under way ends, and is in no room', async (t) => {
  const { here, there } = await pair()
  const bob = there.apps[0]!
  const much = 'x'.repeat(4000)
  for (let i = 0; i < 255; i++) bob.emit('much', much)
  for (let i = 0; i < 12; i++) here.server.to('r1').emit('said', i < 11 ? much : 'last')
  bob.to('r1').emit('said', 'its own')
  for (const worker of [here, there]) worker.commit()
  t.ok(there.state.sessions.has(bob.id))
  const { sessions, ended, homes } = outcome(dealt([asOld(here), asOld(there)], 3))
  t.strictSame(sessions, ['hash-of-ann', 'hash-of-eve'])
  t.strictSame(ended, { 'hash-of-bob': ['outbox_overflow', Number.MAX_SAFE_INTEGER] })
  t.strictSame([homes.r0?.[0], homes.r1?.[0]], [1, 2])
  t.strictSame(homes.r1?.slice(-2), ['last', 'its own'])
})

t.test(
  'memories that do not fit each other begin again: who is concerned is told, nothing is doubled',
  async (t) => {
    const lost = ['room_lost', Number.MAX_SAFE_INTEGER]
    t.test('nothing is left of one', async (t) => {
      const { here, there, bob } = await pair()
      bob.worker.apps[0]!.to('r1').emit('said', 'heard')
      await settle(here, there)
      here.server.to('r1').emit('said', 'under way')
      here.commit()
      const nothing = { state: new WorkerState(1, limits), now: clock.now, epoch: null }
      const { sessions, ended, homes } = outcome(dealt([asOld(here), nothing], 3))
      t.strictSame(sessions, ['hash-of-eve'], 'in a room of its own worker alone')
      t.strictSame(ended, { 'hash-of-ann': lost })
      t.strictSame(homes, { r1: [1, 'heard', 'under way'] })
    })

    t.test('one is older than the other knows it', async (t) => {
      const { here, there } = await pair()
      const older = asOld(there)
      there.server.to('r1').emit('said', 'heard')
      await settle(here, there)
      const { sessions, ended, homes } = outcome(dealt([asOld(here), older], 3))
      t.strictSame(sessions, ['hash-of-eve'])
      t.strictSame(ended, { 'hash-of-ann': lost, 'hash-of-bob': lost })
      t.strictSame(homes, { r0: [0], r1: [1, 'heard'] })
    })

    t.test('… and nothing of what it sent was known to be taken', async (t) => {
      const [here, there] = fleetOf([0, 1].map((slot) => new WorkerState(slot, limits))) as [
        TestWorker,
        TestWorker,
      ]
      const publish = (text: string): void => {
        there.server.to('r1').emit('said', text)
        there.commit()
      }
      meet(here, there)
      publish('first')
      const older = asOld(there)
      publish('second')
      while (there.busDeliver(here));
      here.commit()
      t.strictSame(outcome(dealt([asOld(here), older], 1)).homes, { r1: [0, 'first', 'second'] })
    })

    t.test('the counts fit, and the items are others', async (t) => {
      const { here, there } = await pair()
      const older = copied(there.state)
      there.server.to('r1').emit('said', 'taken')
      there.commit()
      while (there.busDeliver(here));
      here.commit()
      const [again] = fleetOf([0, 1].map((slot) => (slot === 0 ? copied(here.state) : older))).slice(1)
      again!.server.to('r1').emit('said', 'in its place')
      again!.commit()
      const old = [asOld(here), asOld(again!)]
      t.equal(old[0]!.state.received(1), old[1]!.state.outbox(0).end)
      const { sessions, ended, homes } = outcome(dealt(old, 3))
      t.strictSame(sessions, ['hash-of-eve'])
      t.strictSame(ended, { 'hash-of-ann': lost, 'hash-of-bob': lost })
      t.strictSame(homes, { r0: [0], r1: [1, 'taken'] })
    })

    t.test('another memory than the one that was met', async (t) => {
      const { here, there } = await pair()
      here.turn.record({ type: 'peerMet', slot: 1, epoch: 'another' })
      here.commit()
      const { sessions, ended } = outcome(dealt([asOld(here), asOld(there)], 3))
      t.strictSame(sessions, ['hash-of-eve'])
      t.strictSame(ended, { 'hash-of-ann': lost, 'hash-of-bob': lost })
    })

    t.test('they have never met: what waits is kept', async (t) => {
      const [here, there] = fleetOf([0, 1].map((slot) => new WorkerState(slot, limits))) as [
        TestWorker,
        TestWorker,
      ]
      here.server.to('r0').emit('said', 'waits')
      here.commit()
      const { homes } = outcome(dealt([asOld(here), { ...asOld(there), epoch: null }], 3))
      t.strictSame(homes, { r0: [0, 'waits'] })
    })
  },
)
