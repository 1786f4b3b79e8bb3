/** What records do to one session: identity, counts, outbox, memberships. */
import { roll } from '../wire/checksum.ts'
import { append, send } from './apply-room.ts'
import type { RecordOf } from './record.ts'
import { Session } from './session.ts'
import type { LocalRoom, WorkerState } from './state.ts'

type SessionRecord = RecordOf<
  | 'attached'
  | 'suspended'
  | 'closed'
  | 'sent'
  | 'received'
  | 'handled'
  | 'attempted'
  | 'spared'
  | 'updated'
  | 'joining'
  | 'renewing'
  | 'left'
  | 'joined'
  | 'unanswered'
>

export function applyToSession(state: WorkerState, session: Session, record: SessionRecord): void {
  switch (record.type) {
    case 'sent':
      return append(state, session, record.frame)
    case 'received':
      session.outbox.acknowledge(record.count)
      return
    case 'handled':
      return handled(session, record.number, record.crc)
    case 'attempted':
      session.attempts ??= new Map()
      session.attempts.set(record.number, (session.attempts.get(record.number) ?? 0) + 1)
      return
    case 'spared':
      session.attempts = null
      return
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
    case 'renewing':
      return renewing(state, session, record)
    case 'joined':
      return joined(state, session, record.room)
    case 'left':
      return left(state, session, record)
    case 'unanswered':
      session.rooms?.delete(record.room)
      return
    case 'closed':
      return closed(state, session, record)
  }
}

export function opened(state: WorkerState, record: RecordOf<'opened'>): void {
  const data = Object.freeze(record.data)
  const session = new Session(record.session, record.keyHash, record.segment, record.address, data)
  state.sessions.set(session.id, session)
  state.byKey.set(session.keyHash, session)
}

const FORMER_INSTANCES = 4

function attached(session: Session, record: RecordOf<'attached'>): void {
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

function closed(state: WorkerState, session: Session, record: RecordOf<'closed'>): void {
  session.phase = { kind: 'closed', code: record.code, reason: record.reason }
  state.sessions.delete(session.id)
  state.byKey.delete(session.keyHash)
  if (record.tombstoneUntil === 0) return
  const { code, reason, says, taken, tombstoneUntil: until } = record
  const { id, handled } = session
  state.tombstones.set(session.keyHash, { session: id, code, reason, says, handled, taken, until })
}

function handled(session: Session, number: number, crc: number): void {
  if (session.attempts?.delete(number) && session.attempts.size === 0) session.attempts = null
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

function joining(state: WorkerState, session: Session, record: RecordOf<'joining'>): void {
  session.rooms ??= new Map()
  const before = session.rooms.get(record.room)
  session.rooms.set(record.room, {
    standing: before?.standing === 'member' ? 'member' : 'joining',
    answersDue: (before?.answersDue ?? 0) + 1,
    watches: record.watches,
  })
  tellHome(state, 'join', record)
}

function renewing(state: WorkerState, session: Session, record: RecordOf<'renewing'>): void {
  const membership = session.rooms?.get(record.room)
  if (!membership || membership.standing === 'left') return
  membership.watches = record.watches
  if (membership.standing === 'member') state.memberOf(record.room, session)
  tellHome(state, 'renew', record)
}

function tellHome(
  state: WorkerState,
  kind: 'join' | 'renew',
  { home, room, session, data, watches }: RecordOf<'joining' | 'renewing'>,
): void {
  if (home !== state.slot) send(state, home, { kind, room, session, data, watches })
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
  state.memberOf(name, session)
}

function left(state: WorkerState, session: Session, record: RecordOf<'left'>): void {
  const membership = session.rooms?.get(record.room)
  if (!membership || membership.standing === 'left') return
  membership.standing = 'left'
  if (membership.answersDue === 0) session.rooms?.delete(record.room)
  const room: LocalRoom | undefined = state.rooms.get(record.room)
  room?.members.delete(session)
  room?.watchers?.delete(session)
  if (room?.members.size === 0) state.rooms.delete(record.room)
  if (record.home !== state.slot)
    send(state, record.home, { kind: 'leave', room: record.room, session: session.id })
}
