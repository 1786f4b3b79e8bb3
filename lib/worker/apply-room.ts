/** What records do to rooms, their homes, and the streams between workers. */
import { frameOfItem, type Item, kindOfItem } from '../bus/items.ts'
import type { Frame } from '../wire/frames.ts'
import { Outbox } from '../wire/stream.ts'
import type { RecordOf } from './record.ts'
import type { Session } from './session.ts'
import type { HistoryItem, HomeMember, HomeRoom, StateLimits, WorkerState } from './state.ts'

/** Appends unless the outbox is full; a frame that is alone in it may be larger than the limit. */
export function append(state: WorkerState, session: Session, frame: Frame): void {
  const { outbox } = session
  if (session.overflowed) return
  if (outbox.bytes + frame.size > state.limits.outboxBytes && outbox.bytes > 0) {
    session.overflowed = true
    state.overflowed.push(session)
    return
  }
  // The shared sequence starts where the link stands; a link that is behind reads from the outbox.
  if (session.bundle === null && session.cursor === outbox.end) session.bundle = state.root
  outbox.append(frame)
  if (session.bundle) session.bundle = session.bundle.with(frame)
  state.touch(session)
}

export function deliver(state: WorkerState, name: string, frame: Frame, except: readonly string[]): void {
  const room = state.rooms.get(name)
  if (!room) return
  if (except.length === 0) {
    for (const session of room.members) append(state, session, frame)
    return
  }
  for (const session of room.members) if (!except.includes(session.id)) append(state, session, frame)
}

export function homeOpened(state: WorkerState, { room, epoch }: RecordOf<'homeOpened'>): HomeRoom {
  const home: HomeRoom = {
    epoch,
    last: 0,
    members: new Map(),
    slots: new Map(),
    watching: new Map(),
    history: [],
    historyBytes: 0,
  }
  state.homes.set(room, home)
  emptied(state, room, home)
  return home
}

function homeOf(state: WorkerState, room: string): HomeRoom {
  return state.homes.get(room) ?? homeOpened(state, { type: 'homeOpened', room, epoch: '' })
}

export function emptied(state: WorkerState, room: string, home: HomeRoom): void {
  state.emptyHomes.add(room)
  state.emptyBytes += home.historyBytes
  forgetEmpty(state)
}

export function forgetEmpty(state: WorkerState): void {
  const { emptyRooms, emptyRoomsBytes } = state.limits
  for (const room of state.emptyHomes) {
    if (state.emptyHomes.size <= emptyRooms && state.emptyBytes <= emptyRoomsBytes) return
    state.emptyHomes.delete(room)
    state.emptyBytes -= state.homes.get(room)!.historyBytes
    state.homes.delete(room)
  }
}

function remember(state: WorkerState, { room, frame, at }: RecordOf<'ordered'>, home: HomeRoom): void {
  const { history } = home
  const before = home.historyBytes
  history.push({ number: home.last, at, frame })
  home.historyBytes += frame.size
  while (isPastLimits(home, state.limits, at)) home.historyBytes -= history.shift()!.frame.size
  if (!state.emptyHomes.has(room)) return
  state.emptyBytes += home.historyBytes - before
  forgetEmpty(state)
}

function isPastLimits(home: HomeRoom, limits: StateLimits, now: number): boolean {
  const [oldest] = home.history
  if (!oldest) return false
  if (home.history.length > limits.history || isAged(oldest, limits, now)) return true
  return home.historyBytes > limits.historyBytes && home.history.length > 1
}

export function isAged({ at }: HistoryItem, { historyAgeMs }: StateLimits, now: number): boolean {
  return historyAgeMs > 0 && at < now - historyAgeMs
}

/** One item per interested worker, encoded once; members here are reached directly. */
export function order(state: WorkerState, record: RecordOf<'ordered'>): void {
  const home = homeOf(state, record.room)
  home.last += 1
  remember(state, record, home)
  const message = {
    kind: 'message',
    room: record.room,
    number: home.last,
    frame: record.frame.data,
    except: [...record.except],
    volatile: false,
  } as const
  sendToEach(state, home.slots.keys(), message)
  deliver(state, record.room, record.frame, record.except)
}

export function pass(state: WorkerState, record: RecordOf<'passed'>): void {
  const message = {
    kind: 'message',
    room: record.room,
    number: state.homes.get(record.room)?.last ?? 0,
    frame: record.data,
    except: [...record.except],
    volatile: true,
  } as const
  sendToEach(state, record.slots, message)
}

function sendToEach(state: WorkerState, slots: Iterable<number>, item: Item): void {
  let encoded: Frame | null = null
  for (const slot of slots) {
    if (slot === state.slot) continue
    encoded ??= frameOfItem(item)
    state.outbox(slot).append(encoded)
  }
}

/** For the members that watch, here and on the workers that have some. */
export function notice(state: WorkerState, { room, frame }: RecordOf<'noticed'>): void {
  const home = state.homes.get(room)
  if (home) sendToEach(state, home.watching.keys(), { kind: 'notice', room, frame: frame.data as string })
  for (const session of state.rooms.get(room)?.watchers ?? []) append(state, session, frame)
}

export function homeJoined(state: WorkerState, record: RecordOf<'homeJoined'>): void {
  const { room, session, slot, data, watches } = record
  const home = homeOf(state, room)
  if (state.emptyHomes.delete(room)) state.emptyBytes -= home.historyBytes
  setMember(home, session, { slot, data, watches })
  if (slot !== state.slot) send(state, slot, { kind: 'joined', room, session, number: home.last + 1 })
}

export function homeRenewed(state: WorkerState, record: RecordOf<'homeRenewed'>): void {
  const home = state.homes.get(record.room)
  const member = home?.members.get(record.session)
  if (!home || !member) return
  const { data, watches } = record
  setMember(home, record.session, { slot: member.slot, data, watches })
}

export function setMember(home: HomeRoom, session: string, member: HomeMember): void {
  const before = home.members.get(session)
  if (!before) count(home.slots, member.slot, 1)
  if (before?.watches) count(home.watching, before.slot, -1)
  if (member.watches) count(home.watching, member.slot, 1)
  home.members.set(session, member)
}

export function homeLeft(state: WorkerState, room: string, session: string): void {
  const home = state.homes.get(room)
  const member = home?.members.get(session)
  if (!home || !member) return
  home.members.delete(session)
  count(home.slots, member.slot, -1)
  if (member.watches) count(home.watching, member.slot, -1)
  if (home.members.size === 0) emptied(state, room, home)
}

function count(members: Map<number, number>, slot: number, by: 1 | -1): void {
  const left = (members.get(slot) ?? 0) + by
  if (left === 0) members.delete(slot)
  else members.set(slot, left)
}

export function peerReset(state: WorkerState, slot: number): void {
  const peer = state.peer(slot)
  peer.outbox = new Outbox<Frame>()
  peer.received = 0
  peer.receivedCheck = 0
  peer.epoch = null
  membersLeft(state, slot)
}

function membersLeft(state: WorkerState, slot: number): void {
  // By name: the order in which homes are emptied decides which of them are forgotten, and a checkpoint keeps no other.
  for (const [name, home] of [...state.homes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const [session, member] of home.members) if (member.slot === slot) homeLeft(state, name, session)
  }
}

/** What its members have missed they learn of in its place in the stream. Only room messages can be missed so. */
export function peerCut(state: WorkerState, { slot, after }: RecordOf<'peerCut'>): void {
  const outbox = state.outbox(slot)
  for (const item of outbox.takeBack(after)) {
    const kind = kindOfItem(item.data as Uint8Array)
    if (kind !== 'message' && kind !== 'notice' && kind !== 'cut') outbox.append(item)
  }
  send(state, slot, { kind: 'cut' })
  membersLeft(state, slot)
}

export function itemTaken(state: WorkerState, { from, number, check }: RecordOf<'itemTaken'>): void {
  const peer = state.peer(from)
  peer.received = number
  peer.receivedCheck = check
}

export function send(state: WorkerState, slot: number, item: Item): void {
  state.outbox(slot).append(frameOfItem(item))
}
