/** One slot of the fleet: whose process holds it, and what can be said of it. */
import type { Vitals } from '../wire/ipc.ts'
import type { WorkerProcess } from './worker-process.ts'

export type Slot =
  | { readonly state: 'none' }
  /** Waits for its back-off. */
  | { readonly state: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly state: 'starting'; readonly process: WorkerProcess }
  | { readonly state: 'ready'; readonly process: WorkerProcess; readonly since: number }
  /** Being replaced: the one that leaves has been told so, the next one has loaded and waits for its end. */
  | { readonly state: 'leaving'; readonly process: WorkerProcess; readonly next: WorkerProcess }

/** `waiting`: for its back-off. */
export interface SlotReport {
  readonly slot: number
  readonly state: 'stopped' | 'waiting' | 'starting' | 'ready' | 'leaving'
  readonly pid: number | null
  /** Rises with every process that the server ever started. */
  readonly generation: number | null
  readonly readyMs: number | null
  /** What a process of it said last, that could not start. */
  readonly lastFailure: string | null
  /** How its process is, by its own word; null before that, and where nobody watches. */
  readonly vitals: Vitals | null
  /** How long ago that was: it grows where the process stalls. */
  readonly heardMs: number | null
}

export function isReady(slot: Slot): boolean {
  return slot.state === 'ready'
}

export function processOf(slot: Slot): WorkerProcess | null {
  return 'process' in slot ? slot.process : null
}

export function reportOf(slot: number, at: Slot, lastFailure: string | null): SlotReport {
  const process = processOf(at)
  const heard = process?.heard ?? null
  return {
    slot,
    state: at.state === 'none' ? 'stopped' : at.state,
    pid: process?.pid ?? null,
    generation: process?.generation ?? null,
    readyMs: at.state === 'ready' ? Math.round(performance.now() - at.since) : null,
    lastFailure,
    vitals: heard?.vitals ?? null,
    heardMs: heard && Math.round(performance.now() - heard.at),
  }
}
