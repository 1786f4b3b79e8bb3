/** Reads the journals of one generation and writes those of the next, in a process of its own. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Options } from '../options.ts'
import { placeRoom, placeSegment } from '../placement.ts'
import type { Deal, Dealt } from '../wire/ipc.ts'
import { deal, type OldSlot } from './dealing.ts'
import { JournalFile } from './journal-file.ts'
import { recover } from './recovery.ts'
import { lockSlot } from './slot-lock.ts'
import { WorkerState } from './state.ts'
import { StateClock } from './state-clock.ts'
import { stateLimitsOf } from './state-limits.ts'

export function runDealing(): void {
  process.on('disconnect', () => process.exit(1))
  process.on('message', async (message: unknown) => {
    let answer: Dealt
    try {
      answer = { type: 'dealt', sessions: await dealJournals(message as Deal) }
    } catch (error) {
      answer = { type: 'failed', reason: error instanceof Error ? error.message : String(error) }
    }
    process.send?.(answer, () => process.exit(0))
  })
  process.send?.({ type: 'up' })
}

/** @returns how many sessions have moved */
async function dealJournals({ from, to, placementKey, options }: Deal): Promise<number> {
  // A server that was killed leaves workers that have not noticed: what they still write must be read.
  for (let slot = 0; slot < from.workers; slot++) {
    if (!(await lockSlot(from.path, slot)))
      throw new Error(`slot ${slot} of the journal is held by another process`)
  }
  const all = options as unknown as Options
  const limits = { ...all, ...stateLimitsOf(all) }
  const old = Array.from({ length: from.workers }, (_, slot): OldSlot => {
    const state = new WorkerState(slot, limits)
    const clock = new StateClock()
    const recovery = recover(join(from.path, `slot-${slot}.log`), state)
    if (recovery.kind === 'foreign') throw new Error(recovery.reason)
    if (recovery.kind === 'recovered') clock.goOn(recovery.about, recovery.time)
    const whole = recovery.kind === 'recovered' && recovery.tail !== 'damaged'
    return { state, now: clock.now(), epoch: whole ? recovery.about.epoch : null }
  })
  const clock = new StateClock()
  const fresh = deal({
    old,
    workers: to.workers,
    now: clock.now(),
    limits,
    homeOf: (room, workers) => placeRoom(placementKey, room, workers),
    slotOf: (segment, workers) => placeSegment(placementKey, segment, workers),
    newId: () => randomBytes(12).toString('base64url'),
  })
  for (const state of fresh) write(state, to.path, clock)
  return fresh.reduce((sum, state) => sum + state.sessions.size, 0)
}

function write(state: WorkerState, directory: string, clock: StateClock): void {
  const epoch = randomBytes(12).toString('base64url')
  const { slot } = state
  const journal = new JournalFile({
    path: join(directory, `slot-${slot}.log`),
    state,
    about: () => ({ ...clock.moment(), slot, epoch, limits: state.limits }),
    now: clock.now,
    // The generation becomes current behind it: it has to be on the disk by then.
    fsync: true,
    failed() {},
    worksAgain() {},
    postponed() {},
  })
  const error = journal.checkpoint()
  if (error) throw error
  journal.close()
}
