/** What a fleet is given, and whom it tells. */
import type { Worker } from 'node:cluster'
import type { Logger } from 'pino'
import type { Start } from '../wire/ipc.ts'

export interface FleetSetup {
  /** Absolute path of the worker's program. */
  readonly exec: string
  readonly workers: number
  readonly shutdownMs: number
  /** Workers say how they are this often, ms; 0: nobody wants to know. */
  readonly watchMs: number
  /** What each worker is told, beside what only the fleet knows. */
  readonly start: Omit<Start, 'type' | 'slot' | 'generation' | 'waits'>
  readonly log: Logger
  /** The slot can take connections. */
  readonly ready: (slot: number, worker: Worker) => void
  /** It cannot any more: its process is about to be told to leave. */
  readonly leaving: (slot: number) => void
  /** It cannot any more. The channel of its process is read to the end. */
  readonly gone: (slot: number) => void
  /** Writing a slot's journal fails, or works again. */
  readonly journal: (slot: number, failing: boolean) => void
  /** No use in going on: one sentence. Said once. */
  readonly fatal: (reason: string) => void
}
