/**
 * What a worker writes so that its sessions survive it. One call per turn, before anything of that turn leaves.
 */
import type { StateRecord } from './record.ts'

export interface Journal {
  /** The records of one turn: all of them or, after a death, none. */
  write(batch: readonly StateRecord[]): void
  close(): void
}

/** `--no-journal`: the same rule with an empty write. A death of the process ends its sessions as `discontinuity`. */
export const memoryOnly: Journal = { write() {}, close() {} }
