/**
 * The whole of a worker's state as data, for the journal's checkpoints and for dealing it to other slots: what is
 * written of it is restored to the same. Only what is durable: links, handlers and promises belong to a process.
 */
import { checksumOfItem } from '../bus/check.ts'
import { Frame } from '../wire/frames.ts'
import type { Outbox } from '../wire/stream.ts'
import type { SessionData } from './api.ts'
import { emptied, setMember } from './apply-room.ts'
import { type Membership, Session } from './session.ts'
import type { HomeRoom, WorkerState } from './state.ts'

/** The unreceived part of a stream. */
interface Unreceived {
  readonly base: number
  readonly baseCheck: number
  readonly frames: readonly Frame[]
}

export type CheckpointRecord =
  | (Unreceived & {
      readonly type: 'session'
      readonly session: string
      readonly keyHash: string
      readonly segment: string
      readonly address: string
      readonly data: SessionData
      /** When it was suspended; 0 while it was connected. */
      readonly since: number
      readonly opened: boolean
      readonly handled: number
      readonly handledCheck: number
      readonly instance: string
      readonly attempt: number
      /** What only some sessions have. */
      readonly rare: RareParts
    })
  | {
      readonly type: 'tombstone'
      readonly keyHash: string
      readonly session: string
      readonly code: string
      readonly reason: string
      readonly says: string
      readonly handled: number
      readonly taken: number
      readonly until: number
    }
  | {
      readonly type: 'home'
      readonly room: string
      readonly epoch: string
      readonly last: number
      /** Nobody is in it; homes come in the order in which they were emptied. */
      readonly members: {
        readonly [session: string]: readonly [slot: number, data: SessionData, watches: boolean]
      }
      readonly numbers: readonly number[]
      readonly times: readonly number[]
      readonly frames: readonly Frame[]
    }
  | (Unreceived & {
      readonly type: 'peer'
      readonly slot: number
      readonly received: number
      readonly receivedCheck: number
      readonly epoch: string
    })

interface RareParts {
  /** Number → crc. */
  readonly ahead?: readonly (readonly [number, number])[]
  readonly former?: readonly (readonly [instance: string, attempt: number])[]
  readonly rooms?: readonly (readonly [
    room: string,
    standing: Membership['standing'],
    answersDue: number,
    watches: boolean,
  ])[]
  readonly attempts?: readonly (readonly [number, number])[]
}

export type CheckpointOf<T extends CheckpointRecord['type']> = Extract<CheckpointRecord, { type: T }>

export function* checkpointOf(state: WorkerState): Generator<CheckpointRecord> {
  for (const [slot, { outbox, received, receivedCheck, epoch }] of state.peers) {
    yield { type: 'peer', slot, received, receivedCheck, epoch: epoch ?? '', ...unreceivedOf(outbox) }
  }
  for (const [room, home] of state.homes) if (home.members.size > 0) yield homeRecord(room, home)
  for (const room of state.emptyHomes) yield homeRecord(room, state.homes.get(room)!)
  for (const [keyHash, tomb] of state.tombstones) yield { type: 'tombstone', keyHash, ...tomb }
  for (const session of state.sessions.values()) yield sessionRecord(session)
}

function unreceivedOf(outbox: Outbox<Frame>): Unreceived {
  const { base, end, baseCheck } = outbox
  return { base, baseCheck, frames: Array.from({ length: end - base }, (_, i) => outbox.at(base + 1 + i)) }
}

function homeRecord(room: string, home: HomeRoom): CheckpointRecord {
  return {
    type: 'home',
    room,
    epoch: home.epoch,
    last: home.last,
    members: Object.fromEntries(
      [...home.members].map(([id, { slot, data, watches }]) => [id, [slot, data, watches]]),
    ),
    numbers: home.history.map(({ number }) => number),
    times: home.history.map(({ at }) => at),
    frames: home.history.map(({ frame }) => frame),
  }
}

function sessionRecord(session: Session): CheckpointRecord {
  const { id, keyHash, segment, address, data, phase, opened, handled, handledCheck, instance, attempt } =
    session
  const rooms = [...(session.rooms ?? [])].map(
    ([room, { standing, answersDue, watches }]) => [room, standing, answersDue, watches] as const,
  )
  const rare: RareParts = {
    ...(session.finishedAhead && { ahead: [...session.finishedAhead] }),
    ...(session.formerAttempts && { former: [...session.formerAttempts] }),
    ...(rooms.length > 0 && { rooms }),
    ...(session.attempts && { attempts: [...session.attempts] }),
  }
  const since = phase.kind === 'suspended' ? phase.since : 0
  return {
    type: 'session',
    session: id,
    ...{ keyHash, segment, address, data, since, opened, handled, handledCheck, instance, attempt, rare },
    ...unreceivedOf(session.outbox),
  }
}

/** Into a state that has none of it. */
export function restore(state: WorkerState, record: CheckpointRecord): void {
  switch (record.type) {
    case 'session':
      return restoreSession(state, record)
    case 'tombstone': {
      const { keyHash, session, code, reason, handled, taken, until } = record
      const says = record.says === 'gone' ? 'gone' : 'close'
      state.tombstones.set(keyHash, { session, code, reason, says, handled, taken, until })
      return
    }
    case 'home':
      return restoreHome(state, record)
    case 'peer': {
      const peer = state.peer(record.slot)
      peer.received = record.received
      peer.receivedCheck = record.receivedCheck
      peer.epoch = record.epoch === '' ? null : record.epoch
      restoreOutbox(peer.outbox, { ...record, frames: record.frames.map(asItem) })
    }
  }
}

function restoreOutbox(outbox: Outbox<Frame>, { base, baseCheck, frames }: Unreceived): void {
  outbox.begin(base, baseCheck)
  for (const frame of frames) outbox.append(frame)
}

/** What is checked of an item is another sum than of a frame to a client. */
function asItem({ data }: Frame): Frame {
  return new Frame(data, checksumOfItem(data as Uint8Array))
}

function restoreHome(state: WorkerState, record: CheckpointOf<'home'>): void {
  const home: HomeRoom = {
    epoch: record.epoch,
    last: record.last,
    members: new Map(),
    slots: new Map(),
    watching: new Map(),
    history: record.frames.map((frame, i) => ({ number: record.numbers[i]!, at: record.times[i]!, frame })),
    historyBytes: record.frames.reduce((sum, frame) => sum + frame.size, 0),
  }
  for (const [session, [slot, data, watches]] of Object.entries(record.members))
    setMember(home, session, { slot, data: Object.freeze(data), watches })
  state.homes.set(record.room, home)
  if (home.members.size === 0) emptied(state, record.room, home)
}

function restoreSession(state: WorkerState, record: CheckpointOf<'session'>): void {
  const data = Object.freeze(record.data)
  const session = new Session(record.session, record.keyHash, record.segment, record.address, data)
  if (record.since > 0) session.phase = { kind: 'suspended', since: record.since }
  session.opened = record.opened
  session.handled = record.handled
  session.handledCheck = record.handledCheck
  session.instance = record.instance
  session.attempt = record.attempt
  const { ahead, former, rooms, attempts } = record.rare
  if (ahead) session.finishedAhead = new Map(ahead)
  if (former) session.formerAttempts = new Map(former)
  if (attempts) session.attempts = new Map(attempts)
  restoreOutbox(session.outbox, record)
  state.sessions.set(session.id, session)
  state.byKey.set(session.keyHash, session)
  for (const [room, standing, answersDue, watches] of rooms ?? []) {
    session.rooms ??= new Map()
    session.rooms.set(room, { standing, answersDue, watches })
    if (standing === 'member') state.memberOf(room, session)
  }
}
