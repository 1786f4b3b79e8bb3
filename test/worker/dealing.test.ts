/** Fleets of one number of workers after another, with items under way each time: who is dealt, and what of it. */
import assert from 'node:assert/strict'
import t from 'tap'
import { checkpointOf, restore } from '../../lib/worker/checkpoint.ts'
import { deal, type OldSlot } from '../../lib/worker/dealing.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS, Peer, settle, TestWorker } from '../support/core.ts'
import { type Random, seeded } from '../support/seed.ts'

const ROOMS = ['r0', 'r1', 'r2', 'r3']
const limits = { ...LIMITS, outboxBytes: 1 << 20, history: 10_000, historyBytes: 1 << 20, roomsPerSession: 9 }
const numberIn = (name: string): number => Number(/\d+/.exec(name)![0])
const homeOf = (room: string, workers: number): number => (numberIn(room) * 7 + 1) % workers
const slotOf = (segment: string, workers: number): number => numberIn(segment) % workers

/** As the journal has it: the durable part, in a state of its own. */
function copied({ slot, limits, ...state }: WorkerState): WorkerState {
  const copy = new WorkerState(slot, limits)
  for (const record of checkpointOf({ ...state, slot, limits } as WorkerState)) restore(copy, record)
  return copy
}

let time = 1_000_000

function fleetOf(states: readonly WorkerState[], now = time): TestWorker[] {
  const fleet: TestWorker[] = []
  for (const state of states) {
    const home = (room: string): number => homeOf(room, states.length)
    const worker = new TestWorker({ slot: state.slot, fleet, limits, homeOf: home, state, now })
    worker.sessions.recover()
    worker.commit()
  }
  return fleet
}

let ids = 0
function dealt(old: readonly OldSlot[], workers: number, now = time): WorkerState[] {
  return deal({ old, workers, now, limits, homeOf, slotOf, newId: () => `new-${++ids}` })
}

const asOld = ({ state, clock }: TestWorker): OldSlot => ({
  state: copied(state),
  now: clock.now,
  epoch: `epoch-${state.slot}`,
})

const framesOf = ({ outbox }: { outbox: { base: number; end: number; at(n: number): { data: unknown } } }) =>
  Array.from({ length: outbox.end - outbox.base }, (_, i) => outbox.at(outbox.base + 1 + i).data)

/** Clients that talk in rooms, and what each of them has heard. */
class Crowd {
  fleet: TestWorker[]
  readonly peers: Peer[] = []
  readonly heard = new Map<string, string[]>()
  readonly published: string[] = []
  /** `key room`: what its application asked for last. */
  readonly wanted = new Map<string, 'in' | 'out'>()
  readonly #random: Random

  constructor(random: Random, workers: number) {
    this.#random = random
    this.fleet = fleetOf(Array.from({ length: workers }, (_, slot) => new WorkerState(slot, limits)))
  }

  app(peer: Peer) {
    return peer.worker.apps.find(({ id }) => id === peer.id)!
  }

  note(peer: Peer, words: readonly string[]): void {
    const said = words.filter((word) => word.startsWith('event said'))
    this.heard.set(peer.key, [...(this.heard.get(peer.key) ?? []), ...said.map((word) => word.slice(11))])
  }

  async act(): Promise<void> {
    const random = this.#random
    if (this.peers.length < 3 || random.chance(0.1)) {
      const key = `key${++ids}`
      const segment = `s${random.int(0, 29)}`
      const worker = this.fleet[slotOf(segment, this.fleet.length)]!
      this.peers.push(await Peer.connected(worker, { key, segment }))
    }
    const peer = random.pick(this.peers)
    const room = random.pick(ROOMS)
    const place = `${peer.key} ${room}`
    const roll = random.int(0, 99)
    if (roll < 25) this.#moveThere(peer, room, place)
    else if (roll < 60) {
      this.published.push(`${room}:${++ids}`)
      this.app(peer).to(room).emit('said', this.published.at(-1))
    } else if (roll < 63) this.app(peer).update({ n: ++ids })
    else if (roll < 65) this.#close(peer)
    else if (roll < 70) peer.lose()
    else if (roll < 75) {
      this.note(peer, peer.read())
      if (peer.session?.link === peer.link) peer.send(`r${peer.inbox.count}`)
    } else this.#deliver()
  }

  /** Once in and once out: so what it hears of the room is one run of it. */
  #moveThere(peer: Peer, room: string, place: string): void {
    const presence = this.#random.chance(0.3)
    if (!this.wanted.has(place)) {
      void this.app(peer).join(room, { presence })
      this.wanted.set(place, 'in')
    } else if (this.#random.chance(0.3)) {
      void this.app(peer).leave(room)
      this.wanted.set(place, 'out')
    }
  }

  #close(peer: Peer): void {
    this.app(peer).close()
    this.peers.splice(this.peers.indexOf(peer), 1)
  }

  #deliver(): void {
    const from = this.#random.pick(this.fleet)
    from.commit()
    const to = this.#random.pick(this.fleet)
    for (let left = this.#random.int(1, 5); left > 0 && from !== to; left--) from.busDeliver(to)
    to.commit()
  }

  /** All processes die, and another number of them begins. */
  async restart(states: readonly WorkerState[]): Promise<void> {
    for (const peer of this.peers) this.note(peer, peer.read())
    this.fleet = fleetOf(states)
    for (const peer of this.peers) {
      peer.worker = this.fleet[slotOf(peer.segment, this.fleet.length)]!
      this.note(peer, await peer.connect())
    }
  }
}

function checkDealt(
  crowd: Crowd,
  before: readonly WorkerState[],
  after: readonly WorkerState[],
): void {
  const old = new Map(before.flatMap(({ sessions }) => [...sessions]))
  const workers = after.length
  const ids = after.flatMap(({ sessions }) => [...sessions.keys()])
  assert.deepEqual(ids.sort(), [...old.keys()].sort(), 'the same sessions, each once')
  const members = new Map<string, string[]>()
  for (const state of after) {
    assert.equal(state.peers.size, 0, 'no stream speaks of a slot that was')
    for (const session of state.sessions.values()) {
      const was = old.get(session.id)!
      const frames = framesOf(session)
      if (
        slotOf(session.segment, workers) !== state.slot ||
        session.outbox.base !== was.outbox.base ||
        session.outbox.baseCheck !== was.outbox.baseCheck ||
        JSON.stringify(frames.slice(0, framesOf(was).length)) !== JSON.stringify(framesOf(was)) ||
        JSON.stringify(session.data) !== JSON.stringify(was.data) ||
        session.handledCheck !== was.handledCheck
      )
        assert.fail(`session ${session.id} is another one, or elsewhere`)
      for (const [room, { standing, answersDue }] of session.rooms ?? []) {
        if (standing !== 'member' || answersDue !== 0) assert.fail(`${standing} ${answersDue} in ${room}`)
        members.set(room, [...(members.get(room) ?? []), `${session.id} on ${state.slot}`])
        if (!state.rooms.get(room)?.members.has(session)) assert.fail('no member of its worker')
      }
    }
  }
  const wanted = [...crowd.wanted].filter(([, where]) => where === 'in').map(([place]) => place)
  const keys = new Map(crowd.peers.map((peer) => [peer.id, peer.key]))
  const are = [...members].flatMap(([room, list]) =>
    list.map((member) => `${keys.get(member.split(' ')[0])} ${room}`),
  )
  const alive = new Set(keys.values())
  assert.deepEqual(are.sort(), wanted.filter((place) => alive.has(place.split(' ')[0]!)).sort(), 'memberships')
  const homes = after.flatMap((state) => [...state.homes].map(([room, home]) => ({ state, room, home })))
  assert.equal(new Set(homes.map(({ room }) => room)).size, homes.length, 'one home each')
  for (const { state, room, home } of homes) {
    if (homeOf(room, workers) !== state.slot) assert.fail(`${room} is at home elsewhere`)
    const listed = [...home.members].map(([id, { slot }]) => `${id} on ${slot}`)
    assert.deepEqual(listed.sort(), (members.get(room) ?? []).sort(), `members of ${room}`)
  }
  const texts = homes.flatMap(({ home }) => home.history.map(({ frame }) => saidIn(frame.data)))
  assert.deepEqual(texts.sort(), [...crowd.published].sort(), 'every publish has its place, once')
}

const saidIn = (data: unknown): string => (JSON.parse(String(data).slice(1)) as string[])[1]!

t.test('1, 2, 3 and 5 workers, from each to each', async (t) => {
  const random = seeded(t)
  let underWay = 0
  let heard = 0
  for (let round = 0; round < 8; round++) {
    const sizes = Array.from({ length: 5 }, () => random.pick([1, 2, 3, 5]))
    const crowd = new Crowd(random.fork(), sizes[0]!)
    for (const workers of sizes.slice(1)) {
      for (let i = 0; i < 60; i++) await crowd.act()
      // What is not committed is gone with its process, and nobody has seen it: all that is asked for below is.
      for (const worker of crowd.fleet) worker.commit()
      const old = crowd.fleet.map(asOld)
      time += 1_000_000
      const before = old.map(({ state }) => copied(state))
      underWay += itemsUnderWay(before)
      const after = dealt(old, workers)
      checkDealt(crowd, before, after)
      await crowd.restart(after)
    }
    await settle(...crowd.fleet)
    for (const peer of crowd.peers) crowd.note(peer, peer.read())
    for (const room of ROOMS) checkHeard(crowd, room)
    heard += [...crowd.heard.values()].flat().length
  }
  t.ok(underWay > 300 && heard > 1000, `${underWay} items were under way, ${heard} messages heard`)
})

function itemsUnderWay(states: readonly WorkerState[]): number {
  return states
    .flatMap(({ slot, peers }) =>
      [...peers].map(([to, { outbox }]) => outbox.end - states[to]!.received(slot)),
    )
    .reduce((sum, left) => sum + left, 0)
}

/** Each has heard one run of the room's one order, without a gap; who is still in it, up to its end. */
function checkHeard(crowd: Crowd, room: string): void {
  const home = crowd.fleet[homeOf(room, crowd.fleet.length)]!.state.homes.get(room)
  const order = (home?.history ?? []).map(({ frame }) => saidIn(frame.data))
  for (const { key } of crowd.peers) {
    const heard = (crowd.heard.get(key) ?? []).filter((text) => text.startsWith(`${room}:`))
    const begin = order.indexOf(heard[0] ?? '')
    const isMember = crowd.wanted.get(`${key} ${room}`) === 'in'
    const run = heard.length === 0 ? [] : order.slice(begin, isMember ? undefined : begin + heard.length)
    assert.deepEqual(heard, run, `${key} in ${room}`)
  }
}

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
      const nothing = { state: new WorkerState(1, limits), now: time, epoch: null }
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
