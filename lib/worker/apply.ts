/**
 * The only code that changes durable state, live and (with a journal) at recovery. Total and deterministic: every
 * record that was once applied applies again with the same outcome.
 */
import { encodeItem } from '../bus/items.ts'
import { roll } from '../wire/checksum.ts'
import { Frame } from '../wire/frames.ts'
import { Outbox } from '../wire/stream.ts'
import type { StateRecord } from './record.ts'
import { Session } from './session.ts'
import type { HomeRoom, LocalRoom, WorkerState } from './state.ts'

type Of<T extends StateRecord['type']> = Extract<StateRecord, { type: T }>

export function apply(state: WorkerState, record: StateRecord): void {
  switch (record.type) {
    case 'delivered':
      return deliver(state, record.room, record.frame, record.except)
    case 'ordered':
      return order(state, record)
    case 'passed':
      return pass(state, record)
    case 'published':
      return send(state, record.home, {
        kind: 'publish',
        room: record.room,
        frame: record.data,
        except: [...record.except],
        volatile: record.volatile,
      })
    case 'homeJoined':
      return homeJoined(state, record)
    case 'homeLeft':
      return homeLeft(state, record.room, record.session)
    case 'itemTaken':
      state.peer(record.from).received = record.number
      return
    case 'itemsReceived':
      state.outbox(record.to).acknowledge(record.count)
      return
    case 'peerReset':
      return peerReset(state, record.slot)
    case 'opened':
      return opened(state, record)
    case 'forgotten':
      state.tombstones.delete(record.keyHash)
      return
    default: {
      const session = state.sessions.get(record.session)
      // A record can trail the end of its session within one turn; there is nothing left to change.
      if (session) applyToSession(state, session, record)
    }
  }
}

type SessionRecord = Of<
  | 'attached'
  | 'suspended'
  | 'closed'
  | 'sent'
  | 'received'
  | 'handled'
  | 'updated'
  | 'joining'
  | 'left'
  | 'joined'
>

function applyToSession(state: WorkerState, session: Session, record: SessionRecord): void {
  switch (record.type) {
    case 'sent':
      return append(state, session, record.frame)
    case 'received':
      session.outbox.acknowledge(record.count)
      return
    case 'handled':
      return handled(session, record.number, record.crc)
    case 'attached':
      return attached(session, record)
    case 'suspended':
      session.phase = { kind: 'suspended', since: record.at }
      return
    case 'updated':
      session.data = Object.freeze({ ...session.data, ...record.patch })
      return
    case 'joining':
      return joining(state, session, record)
    case 'joined':
      return joined(state, session, record.room)
    case 'left':
      return left(state, session, record)
    case 'closed':
      return closed(state, session, record)
  }
}

function opened(state: WorkerState, record: Of<'opened'>): void {
  const data = Object.freeze(record.data)
  const session = new Session(record.session, record.keyHash, record.segment, record.address, data)
  state.sessions.set(session.id, session)
  state.byKey.set(session.keyHash, session)
}

const FORMER_INSTANCES = 4

function attached(session: Session, record: Of<'attached'>): void {
  if (session.instance !== record.instance && session.instance !== '') {
    session.formerAttempts ??= new Map()
    session.formerAttempts.delete(session.instance)
    session.formerAttempts.set(session.instance, session.attempt)
    if (session.formerAttempts.size > FORMER_INSTANCES) {
      const [oldest] = session.formerAttempts.keys()
      session.formerAttempts.delete(oldest!)
    }
  }
  session.instance = record.instance
  session.attempt = record.attempt
  session.phase = { kind: 'connected' }
  session.outbox.acknowledge(record.received)
}

function closed(state: WorkerState, session: Session, record: Of<'closed'>): void {
  session.phase = { kind: 'closed', code: record.code, reason: record.reason }
  state.sessions.delete(session.id)
  state.byKey.delete(session.keyHash)
  if (record.tombstoneUntil === 0) return
  const { code, reason, says, taken, tombstoneUntil: until } = record
  state.tombstones.set(session.keyHash, { code, reason, says, handled: session.handled, taken, until })
}

/** Appends unless the outbox is full; a frame that is alone in it may be larger than the limit. */
function append(state: WorkerState, session: Session, frame: Frame): void {
  const { outbox } = session
  if (outbox.bytes + frame.size > state.limits.outboxBytes && outbox.bytes > 0) {
    state.overflowed.push(session)
    return
  }
  // The shared sequence starts where the link stands; a link that is behind reads from the outbox.
  if (session.bundle === null && session.cursor === outbox.end) session.bundle = state.root
  outbox.append(frame)
  if (session.bundle) session.bundle = session.bundle.with(frame)
  state.touch(session)
}

function handled(session: Session, number: number, crc: number): void {
  if (number === 0) {
    session.opened = true
    return
  }
  if (number !== session.handled + 1) {
    session.finishedAhead ??= new Map()
    session.finishedAhead.set(number, crc)
    return
  }
  advance(session, crc)
  while (session.finishedAhead) {
    const next = session.finishedAhead.get(session.handled + 1)
    if (next === undefined) return
    session.finishedAhead.delete(session.handled + 1)
    if (session.finishedAhead.size === 0) session.finishedAhead = null
    advance(session, next)
  }
}

function advance(session: Session, crc: number): void {
  session.handled += 1
  session.handledCheck = roll(session.handledCheck, crc)
}

function joining(state: WorkerState, session: Session, record: Of<'joining'>): void {
  session.rooms ??= new Map()
  const before = session.rooms.get(record.room)
  session.rooms.set(record.room, { standing: 'joining', answersDue: (before?.answersDue ?? 0) + 1 })
  if (record.home === state.slot) return
  send(state, record.home, { kind: 'join', room: record.room, session: session.id, data: session.data })
}

function joined(state: WorkerState, session: Session, name: string): void {
  const membership = session.rooms?.get(name)
  if (!membership) return
  membership.answersDue -= 1
  if (membership.answersDue > 0) return
  if (membership.standing === 'left') {
    session.rooms?.delete(name)
    return
  }
  membership.standing = 'member'
  let room = state.rooms.get(name)
  if (!room) {
    room = { members: new Set() }
    state.rooms.set(name, room)
  }
  room.members.add(session)
}

function left(state: WorkerState, session: Session, record: Of<'left'>): void {
  const membership = session.rooms?.get(record.room)
  if (!membership || membership.standing === 'left') return
  membership.standing = 'left'
  if (membership.answersDue === 0) session.rooms?.delete(record.room)
  const room: LocalRoom | undefined = state.rooms.get(record.room)
  room?.members.delete(session)
  if (room?.members.size === 0) state.rooms.delete(record.room)
  if (record.home === state.slot) homeLeft(state, record.room, session.id)
  else send(state, record.home, { kind: 'leave', room: record.room, session: session.id })
}

function deliver(state: WorkerState, name: string, frame: Frame, except: readonly string[]): void {
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
    home = { last: 0, members: new Map(), slots: new Map(), history: [] }
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

/** One item per interested worker, encoded once; members here are reached directly. */
function order(state: WorkerState, record: Of<'ordered'>): void {
  const home = homeOf(state, record.room)
  home.last += 1
  home.history.push({ number: home.last, frame: record.frame })
  if (home.history.length > 2 * state.limits.history) home.history = home.history.slice(-state.limits.history)
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

function pass(state: WorkerState, record: Of<'passed'>): void {
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

function homeJoined(state: WorkerState, record: Of<'homeJoined'>): void {
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

function homeLeft(state: WorkerState, name: string, session: string): void {
  const home = state.homes.get(name)
  const member = home?.members.get(session)
  if (!home || !member) return
  home.members.delete(session)
  const left = (home.slots.get(member.slot) ?? 1) - 1
  if (left === 0) home.slots.delete(member.slot)
  else home.slots.set(member.slot, left)
  if (home.members.size === 0) emptied(state, name)
}

function peerReset(state: WorkerState, slot: number): void {
  const peer = state.peer(slot)
  peer.outbox = new Outbox<Frame>()
  peer.received = 0
  for (const [name, home] of state.homes) {
    for (const [session, member] of home.members) if (member.slot === slot) homeLeft(state, name, session)
  }
}

function send(state: WorkerState, slot: number, item: Parameters<typeof encodeItem>[0]): void {
  state.outbox(slot).append(new Frame(encodeItem(item)))
}
