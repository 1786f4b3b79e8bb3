/** Fleets of one number of workers after another, dealt from each to the next. */
import assert from 'node:assert/strict'
import { checkpointOf, restore } from '../../lib/worker/checkpoint.ts'
import { deal, type OldSlot } from '../../lib/worker/dealing.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS, Peer, settle, TestWorker } from './core.ts'
import type { Random } from './seed.ts'

const ROOMS = ['r0', 'r1', 'r2', 'r3']
export const limits = {
  ...LIMITS,
  outboxBytes: 1 << 20,
  history: 10_000,
  historyBytes: 1 << 20,
  roomsPerSession: 9,
}
const numberIn = (name: string): number => Number(/\d+/.exec(name)![0])
const homeOf = (room: string, workers: number): number => (numberIn(room) * 7 + 1) % workers
const slotOf = (segment: string, workers: number): number => numberIn(segment) % workers

/** As the journal has it: the durable part, in a state of its own. */
export function copied({ slot, limits, ...state }: WorkerState): WorkerState {
  const copy = new WorkerState(slot, limits)
  for (const record of checkpointOf({ ...state, slot, limits } as WorkerState)) restore(copy, record)
  return copy
}

/** Each new fleet begins later: its sessions get other names. */
export const clock = { now: 1_000_000 }

export function fleetOf(states: readonly WorkerState[], now = clock.now): TestWorker[] {
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
export function dealt(old: readonly OldSlot[], workers: number, now = clock.now): WorkerState[] {
  return deal({ old, workers, now, limits, homeOf, slotOf, newId: () => `new-${++ids}` })
}

export const asOld = ({ state, clock }: TestWorker): OldSlot => ({
  state: copied(state),
  now: clock.now,
  epoch: `epoch-${state.slot}`,
})

const framesOf = ({ outbox }: { outbox: { base: number; end: number; at(n: number): { data: unknown } } }) =>
  Array.from({ length: outbox.end - outbox.base }, (_, i) => outbox.at(outbox.base + 1 + i).data)

/** Clients that talk in rooms, and what each of them has heard. */
export class Crowd {
  fleet: TestWorker[]
  /** Items that were dealt. */
  underWay = 0
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

  /** All processes die, and another number of them begins. What was not committed nobody has seen. */
  async restart(workers: number): Promise<void> {
    for (const worker of this.fleet) worker.commit()
    for (const peer of this.peers) this.note(peer, peer.read())
    const old = this.fleet.map(asOld)
    const before = old.map(({ state }) => copied(state))
    this.underWay += itemsUnderWay(before)
    clock.now += 1_000_000
    const after = dealt(old, workers)
    checkDealt(this, before, after)
    this.fleet = fleetOf(after)
    for (const peer of this.peers) {
      peer.worker = this.fleet[slotOf(peer.segment, workers)]!
      this.note(peer, await peer.connect())
    }
  }

  /** Everything arrives. */
  async finish(): Promise<void> {
    await settle(...this.fleet)
    for (const peer of this.peers) this.note(peer, peer.read())
    for (const room of ROOMS) checkHeard(this, room)
  }
}

function checkDealt(crowd: Crowd, before: readonly WorkerState[], after: readonly WorkerState[]): void {
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
  assert.deepEqual(
    are.sort(),
    wanted.filter((place) => alive.has(place.split(' ')[0]!)).sort(),
    'memberships',
  )
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

export const saidIn = (data: unknown): string => (JSON.parse(String(data).slice(1)) as string[])[1]!

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
