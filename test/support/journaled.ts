/** A worker whose turns go to a real journal file, and what that file comes to. */
import { writeFileSync } from 'node:fs'
import { JournalFile, type JournalPorts } from '../../lib/worker/journal-file.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { type Recovered, recover } from '../../lib/worker/recovery.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS, TestWorker } from './core.ts'
import { digestOf } from './state-digest.ts'

export const MOMENT = { time: 1_000_000, wall: 1_700_000_000_000, monotonic: 5000, boot: 'boot' }

/** @param after called with each batch once it is written */
export function journaled(
  path: string,
  after: (batch: readonly StateRecord[]) => void = () => {},
  ports: Partial<JournalPorts> = {},
): { worker: TestWorker; file: JournalFile } {
  let file: JournalFile | null = null
  const worker: TestWorker = new TestWorker({
    write: (batch) => {
      file!.write(batch)
      after(batch)
    },
  })
  const { state } = worker
  file = new JournalFile({
    path,
    state,
    about: () => ({ ...MOMENT, slot: 0, epoch: 'epoch', limits: state.limits }),
    now: () => worker.clock.now,
    fsync: false,
    failed: (error) => {
      throw error
    },
    worksAgain() {},
    ...ports,
  })
  const error = file.checkpoint()
  if (error) throw error
  return { worker, file }
}

export function recovered(path: string): { state: WorkerState; recovery: Recovered } {
  const state = new WorkerState(0, LIMITS)
  const recovery = recover(path, state)
  if (recovery.kind !== 'recovered') throw new Error(JSON.stringify(recovery))
  return { state, recovery }
}

/** What a file with these bytes comes to. */
export function digestOfBytes(path: string, bytes: Uint8Array): string[] {
  writeFileSync(path, bytes)
  return digestOf(recovered(path).state)
}
