/**
 * Another number of workers: what the old slots remember, dealt to the new ones. Before any worker runs the streams
 * between the old slots are run empty, so that nothing is left that speaks of a slot.
 */
import { decodeItem } from '../bus/items.ts'
import type { AnswerResult } from '../wire/frames.ts'
import { checkpointOf, restore } from './checkpoint.ts'
import { memoryOnly } from './journal.ts'
import { type RoomLimits, Rooms } from './room.ts'
import type { SessionLimits } from './session-limits.ts'
import { Sessions } from './sessions.ts'
import { type StateLimits, WorkerState } from './state.ts'
import { Turn } from './turn.ts'

/** An old slot's state, and what its clock says now. */
export interface OldSlot {
  readonly state: WorkerState
  readonly now: number
  /** Name of its memory; null where nothing was left of it, or not all. */
  readonly epoch: string | null
}

export interface DealingSetup {
  readonly old: readonly OldSlot[]
  readonly workers: number
  /** What the clocks of the new slots say. */
  readonly now: number
  readonly limits: StateLimits & SessionLimits & RoomLimits
  /** Where a room's home is, and a segment's slot, among so many workers. */
  readonly homeOf: (room: string, workers: number) => number
  readonly slotOf: (segment: string, workers: number) => number
  readonly newId: () => string
}

export function deal(setup: DealingSetup): WorkerState[] {
  drain(setup)
  const { workers, limits, now } = setup
  const fresh = Array.from({ length: workers }, (_, slot) => new WorkerState(slot, limits))
  const slots = new Map<string, number>()
  for (const { state } of setup.old) {
    for (const { id, segment } of state.sessions.values()) slots.set(id, setup.slotOf(segment, workers))
  }
  for (const slot of setup.old) {
    const later = now - slot.now
    for (const record of checkpointOf(slot.state)) {
      if (record.type === 'session') {
        const since = record.since === 0 ? 0 : record.since + later
        restore(fresh[slots.get(record.session)!]!, { ...record, since })
      } else if (record.type === 'tombstone') {
        // It does not say which segment it was of: the next hello may ask any slot.
        for (const state of fresh) restore(state, { ...record, until: record.until + later })
      } else if (record.type === 'home') {
        const members = Object.fromEntries(
          Object.entries(record.members).flatMap(([id, [, data, watches]]) => {
            const slot = slots.get(id)
            return slot === undefined ? [] : [[id, [slot, data, watches] as const]]
          }),
        )
        const times = record.times.map((at) => at + later)
        restore(fresh[setup.homeOf(record.room, workers)]!, { ...record, members, times })
      }
    }
  }
  return fresh
}

/** Until no item is under way: what one causes may be more items. */
function drain({ old, limits, homeOf, newId }: DealingSetup): void {
  const machines = old.map((slot) => machineOf(slot, limits, (room) => homeOf(room, old.length), newId))
  // What their processes had taken is not known before their clients are back.
  for (const { state } of old) for (const session of state.sessions.values()) session.recovered = true
  for (const [a, b] of misfits(old)) {
    machines[a.state.slot]!.rooms.peerReset(b.state.slot)
    machines[a.state.slot]!.turn.commit()
  }
  for (let moved = true; moved; ) {
    moved = false
    for (const from of old) {
      for (const to of old) {
        if (from === to) continue
        const { rooms, turn } = machines[to.state.slot]!
        const outbox = from.state.outbox(to.state.slot)
        while (to.state.received(from.state.slot) < outbox.end) {
          const number = to.state.received(from.state.slot) + 1
          const item = decodeItem(outbox.at(number).data as Uint8Array)
          if (!item) throw new Error('an item in the journal cannot be read')
          // The streams begin again: nobody will look at their check.
          rooms.item(from.state.slot, number, item, 0)
          turn.commit()
          moved = true
        }
        outbox.acknowledge(outbox.end)
      }
    }
  }
}

/** Ends of streams that have to begin again; found before the first one does. What waits for a peer never met is kept. */
function misfits(old: readonly OldSlot[]): (readonly [OldSlot, OldSlot])[] {
  const met = old.flatMap((a) => old.filter((b) => a !== b && hasMet(a, b)).map((b) => [a, b] as const))
  return met.filter(([a, b]) => !knows(a, b) || !knows(b, a))
}

function hasMet({ state }: OldSlot, { state: { slot } }: OldSlot): boolean {
  return state.epoch(slot) !== null || state.received(slot) > 0 || state.outbox(slot).base > 0
}

/** What one remembers of the streams with another is about the memory that there is of it, and fits. */
function knows(a: OldSlot, b: OldSlot): boolean {
  const met = a.state.epoch(b.state.slot)
  const check = b.state.outbox(a.state.slot).checkAt(a.state.received(b.state.slot))
  return (
    b.epoch !== null && (met === null || met === b.epoch) && check === a.state.receivedCheck(b.state.slot)
  )
}

/** The machines of one old slot; no application runs here. */
function machineOf(
  { state, now }: OldSlot,
  limits: DealingSetup['limits'],
  homeOf: (room: string) => number,
  newId: () => string,
): { readonly rooms: Rooms; readonly turn: Turn } {
  const turn: Turn = new Turn(state, {
    journal: memoryOnly,
    bus: { flush() {}, received() {} },
    defer() {},
    clock: () => 0,
    later() {},
    overflowed: (session) =>
      sessions.end(session, 'outbox_overflow', 'the client did not take its messages in time', 'gone'),
    parted() {},
    owed() {},
    regulate() {},
    broke(_session, error) {
      throw error
    },
    lost(error) {
      throw error
    },
    polled() {},
  })
  const done: AnswerResult = { ok: true, value: undefined }
  const sessions = new Sessions(
    state,
    turn,
    limits,
    {
      hashKey: (key) => key,
      newId,
      admit: () => ({ ok: true, data: {} }),
      wire() {},
      run: () => done,
      isConcurrent: () => false,
      poisoned() {},
      refused() {},
      ended() {},
    },
    () => now,
  )
  const cut = (slot: number): number => state.outbox(slot).end
  return { rooms: new Rooms(sessions, limits, homeOf, { cut }), turn }
}
