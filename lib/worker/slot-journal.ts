/** A slot's journal as a worker takes it over: locked, read into the state, and open for the next turn. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { forgetEmpty } from './apply-room.ts'
import { type Journal, memoryOnly } from './journal.ts'
import { type About, JournalFile } from './journal-file.ts'
import { recover } from './recovery.ts'
import { lockSlot } from './slot-lock.ts'
import type { WorkerState } from './state.ts'
import type { StateClock } from './state-clock.ts'

/** A journal that cannot be used: trying again would not help. One sentence. */
export class JournalError extends Error {}

export interface SlotJournalSetup {
  /** Of this generation; null: memory only. */
  readonly directory: string | null
  readonly slot: number
  readonly state: WorkerState
  readonly clock: StateClock
  readonly fsync: boolean
  /** What a failing write does: the sessions go on in memory, or the process ends. */
  readonly onFailure: 'memory' | 'stop'
  readonly log: Logger
  /** It began or ceased to fail. */
  readonly changed: (failing: boolean) => void
  /** How long the process before may take to end. */
  readonly lockMs?: number
}

export interface SlotJournal {
  readonly journal: Journal
  /** Name of the memory, which lives as long as the streams between workers do. */
  readonly epoch: string
  /** Something of the memory is lost: its peers have to begin again with it. */
  readonly damaged: boolean
}

/** Throws JournalError. */
export async function openSlotJournal(setup: SlotJournalSetup): Promise<SlotJournal> {
  const fresh = randomBytes(12).toString('base64url')
  const { directory, slot, state, clock, log } = setup
  if (directory === null) return { journal: memoryOnly, epoch: fresh, damaged: false }
  if (!(await lockSlot(directory, slot, setup.lockMs)))
    throw new JournalError(`slot ${slot} of the journal is held by another process`)
  const path = join(directory, `slot-${slot}.log`)
  const began = performance.now()
  const recovery = recover(path, state)
  if (recovery.kind === 'foreign') throw new JournalError(recovery.reason)
  const recovered = recovery.kind === 'recovered' ? recovery : null
  if (recovered) clock.goOn(recovered.about, recovered.time)
  const damaged = recovered?.tail === 'damaged'
  // Turns that follow would be applied again with the limits the file began with.
  const sameLimits = recovered !== null && isDeepStrictEqual(recovered.about.limits, state.limits)
  const epoch = recovered && !damaged ? recovered.about.epoch : fresh
  const journal = new JournalFile({
    ...setup,
    path,
    about: (): About => ({ ...clock.moment(), slot, epoch, limits: state.limits }),
    now: clock.now,
    failed: (error) => failed(setup, error),
    postponed: (error) =>
      log.warn({ err: error }, 'no checkpoint of the journal could be written; its file goes on growing'),
    worksAgain: () => {
      log.warn('the journal works again')
      setup.changed(false)
    },
  })
  if (recovered) report(setup, recovered, performance.now() - began)
  if (damaged) fs.copyFileSync(path, `${path}.damaged`)
  if (recovered && !damaged && sameLimits)
    journal.resume(recovered.size, recovered.checkpointSize, recovered.records)
  else {
    // A checkpoint that holds more than the limits would be restored to less.
    forgetEmpty(state)
    const error = journal.checkpoint()
    if (error && setup.onFailure === 'stop')
      throw new JournalError(`the journal cannot be written: ${error.message}`)
    if (error) {
      failed(setup, error)
      // It is stale as soon as something happens: a later start must find none.
      fs.rmSync(path, { force: true })
    }
  }
  return { journal, epoch, damaged }
}

function report(
  { log, state }: SlotJournalSetup,
  recovered: Extract<ReturnType<typeof recover>, { kind: 'recovered' }>,
  ms: number,
): void {
  const { records, size, dropped, tail } = recovered
  const fields = {
    sessions: state.sessions.size,
    rooms: state.homes.size,
    records,
    bytes: size,
    ms: Math.round(ms),
  }
  log.info(fields, 'the journal was read')
  if (tail === 'torn')
    log.warn({ dropped }, 'the last turn in the journal was not written to its end; nothing of it had left')
  if (tail === 'damaged')
    log.error(
      { dropped, intact: size },
      'the journal is damaged: what stands behind that place is lost; a copy was kept',
    )
}

function failed({ log, onFailure, changed }: SlotJournalSetup, error: Error): void {
  if (onFailure === 'stop') {
    log.fatal({ err: error }, 'the journal cannot be written')
    process.exit(1)
  }
  log.error(
    { err: error },
    'the journal cannot be written: sessions go on in memory, and do not survive this process',
  )
  changed(true)
}
