/** One slot's process being replaced: the next one loads beside it, and follows it in the end. */
import type { WorkerProcess } from './worker-process.ts'

/** How it goes on: for whoever waits for it. */
export type Step = 'loaded' | 'ready' | 'failed'

export class Replacement {
  readonly slot: number
  readonly #step: (step: Step, reason: string) => void
  /** Null once it is the slot's own, or has failed. */
  #next: WorkerProcess | null

  constructor(slot: number, next: WorkerProcess, step: (step: Step, reason: string) => void) {
    this.slot = slot
    this.#next = next
    this.#step = step
  }

  get next(): WorkerProcess | null {
    return this.#next
  }

  loaded(): void {
    this.#step('loaded', '')
  }

  /** The next one is the slot's own from now on. */
  take(): WorkerProcess | null {
    const next = this.#next
    this.#next = null
    return next
  }

  ready(): void {
    this.#step('ready', '')
  }

  failed(reason: string): void {
    this.#next = null
    this.#step('failed', reason)
  }
}
