/** What records do to rooms, their homes, and the streams between workers. */
import { encodeItem } from '../bus/items.ts'
import { Frame } from '../wire/frames.ts'
import { Outbox } from '../wire/stream.ts'
import type { RecordOf } from './record.ts'
import type { Session } from './session.ts'
import type { HomeRoom, WorkerState } from './state.ts'

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

function homeOf(state: WorkerState, name: string): HomeRoom {
  let home = state.homes.get(name)
  if (!home) {
    home = { last: 0, members: new Map(), slots: new Map(), history: [], historyBytes: 0 }
    state.homes.set(name, home)
    emptied(state, name)
  }
  return home
}

function emptied(state: WorkerState, name: string): void {
  state.emptyHomes.add(name)
  if (state.emptyHomes.size <= state.limits.emptyRooms) return
  const [oldest] = state.emptyHomes
  state.emptyHomes.delete(oldest!)
  state.homes.delete(oldest!)
}

/** Trimmed when it is twice as long as it may be, so that not every message moves the whole list. */
function remember({ limits }: WorkerState, home: HomeRoom, frame: Frame): void {
  const { history } = home
  history.push({ number: home.last, frame })
  home.historyBytes += frame.size
  const tooLarge = home.historyBytes > limits.historyBytes
  if (history.length <= 2 * limits.history && !tooLarge) return
  let drop = Math.max(0, history.length - limits.history)
  for (let i = 0; i < drop; i++) home.historyBytes -= history[i]!.frame.size
  while (home.historyBytes > limits.historyBytes && drop < history.length - 1) {
    home.historyBytes -= history[drop]!.frame.size
    drop += 1
  }
  home.history = history.slice(drop)
}

/** One item per interested worker, encoded once; members here are reached directly. */
export function order(state: WorkerState, record: RecordOf<'ordered'>): void {
  const home = homeOf(state, record.room)
  home.last += 1
  remember(state, home, record.frame)
  const message = {
    kind: 'message',
    room: record.room,
    number: home.last,
    frame: record.frame.data,
    except: [...record.except],
    volatile: false,
  } as const
  sendToMembers(state, home, message)
  deliver(state, record.room, record.frame, record.except)
}

export function pass(state: WorkerState, record: RecordOf<'passed'>): void {
  const home = state.homes.get(record.room)
  if (!home) return
  const message = {
    kind: 'message',
    room: record.room,
    number: home.last,
    frame: record.data,
    except: [...record.except],
    volatile: true,
  } as const
  sendToMembers(state, home, message)
}

function sendToMembers(state: WorkerState, home: HomeRoom, item: Parameters<typeof encodeItem>[0]): void {
  let encoded: Frame | null = null
  for (const slot of home.slots.keys()) {
    if (slot === state.slot) continue
    encoded ??= new Frame(encodeItem(item))
    state.outbox(slot).append(encoded)
  }
}

export function homeJoined(state: WorkerState, record: RecordOf<'homeJoined'>): void {
  const home = homeOf(state, record.room)
  const before = home.members.get(record.session)
  state.emptyHomes.delete(record.room)
  home.members.set(record.session, { slot: record.slot, data: record.data })
  if (!before) home.slots.set(record.slot, (home.slots.get(record.slot) ?? 0) + 1)
  if (record.slot === state.slot) return
  send(state, record.slot, {
    kind: 'joined',
    room: record.room,
    session: record.session,
    number: home.last + 1,
  })
}

export function homeLeft(state: WorkerState, name: string, session: string): void {
  const home = state.homes.get(name)
  const member = home?.members.get(session)
  if (!home || !member) return
  home.members.delete(session)
  const left = (home.slots.get(member.slot) ?? 1) - 1
  if (left === 0) home.slots.delete(member.slot)
  else home.slots.set(member.slot, left)
  if (home.members.size === 0) emptied(state, name)
}

export function peerReset(state: WorkerState, slot: number): void {
  const peer = state.peer(slot)
  peer.outbox = new Outbox<Frame>()
  peer.received = 0
  for (const [name, home] of state.homes) {
    for (const [session, member] of home.members) if (member.slot === slot) homeLeft(state, name, session)
  }
}

export function send(state: WorkerState, slot: number, item: Parameters<typeof encodeItem>[0]): void {
  state.outbox(slot).append(new Frame(encodeItem(item)))
}
