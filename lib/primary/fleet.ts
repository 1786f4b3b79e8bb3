/** The worker processes: one per slot, started, watched, started again, stopped. */
import cluster, { type Worker } from 'node:cluster'
import type { Logger } from 'pino'
import { isToPrimary, type Start, type ToPrimary, type ToWorker } from '../wire/ipc.ts'
import { Deaths } from './deaths.ts'

export interface FleetSetup {
  /** Absolute path of the worker's program. */
  readonly exec: string
  readonly workers: number
  readonly shutdownMs: number
  /** What each worker is told, beside what only the fleet knows. */
  readonly start: Omit<Start, 'type' | 'slot' | 'generation'>
  readonly log: Logger
  /** The slot can take connections. */
  readonly ready: (slot: number, worker: Worker) => void
  /** It cannot any more. The channel of its process is read to the end. */
  readonly gone: (slot: number) => void
  /** No use in going on: one sentence. Said once. */
  readonly fatal: (reason: string) => void
}

/** `starting`: not all workers were ready yet; `degraded`: they were, and now one is missing. */
export type Health = 'starting' | 'ok' | 'degraded' | 'stopping'

type Slot =
  | { readonly state: 'none' }
  /** Waits for its back-off. */
  | { readonly state: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly state: 'forked' | 'started'; readonly worker: Worker; readonly generation: number }
  | { readonly state: 'ready'; readonly worker: Worker; readonly generation: number; readonly since: number }

/** A process whose channel is closed can do nothing more for us, and should have ended by itself. */
const ORPHAN_MS = 1000

export class Fleet {
  readonly #setup: FleetSetup
  readonly #slots: Slot[]
  readonly #deaths: readonly Deaths[]
  readonly #reasons: (string | null)[]
  #generation = 0
  #health: Health = 'starting'
  #failed = false
  #stopped: (() => void) | null = null

  constructor(setup: FleetSetup) {
    this.#setup = setup
    this.#slots = Array.from({ length: setup.workers }, () => ({ state: 'none' }))
    this.#deaths = Array.from({ length: setup.workers }, () => new Deaths())
    this.#reasons = new Array<null>(setup.workers).fill(null)
  }

  get health(): Health {
    return this.#health
  }

  /** Process ids by slot; null where there is none. */
  get pids(): (number | null)[] {
    return this.#slots.map((slot) => ('worker' in slot ? (slot.worker.process.pid ?? null) : null))
  }

  start(): void {
    cluster.setupPrimary({ exec: this.#setup.exec, args: [], serialization: 'advanced' })
    for (let slot = 0; slot < this.#setup.workers; slot++) this.#fork(slot)
  }

  /** Resolves when no worker is left: at the latest when `shutdownMs` are almost over. */
  async stop(): Promise<void> {
    this.#health = 'stopping'
    for (const [slot, at] of this.#slots.entries()) {
      if (at.state === 'waiting') {
        clearTimeout(at.timer)
        this.#slots[slot] = { state: 'none' }
      }
      // One that is not ready holds nothing, and might hear it only when its application has loaded.
      else if (at.state === 'ready') tell(at.worker, { type: 'stop' })
      else if (at.state !== 'none') at.worker.process.kill('SIGKILL')
    }
    const late = setTimeout(() => this.#kill(), this.#setup.shutdownMs * 0.9)
    await new Promise<void>((resolve) => {
      this.#stopped = resolve
      this.#checkStopped()
    })
    clearTimeout(late)
  }

  #kill(): void {
    for (const [slot, at] of this.#slots.entries()) {
      if (!('worker' in at)) continue
      this.#setup.log.warn({ slot, pid: at.worker.process.pid }, 'worker did not stop in time')
      at.worker.process.kill('SIGKILL')
    }
  }

  #fork(slot: number): void {
    const worker = cluster.fork()
    const generation = ++this.#generation
    this.#slots[slot] = { state: 'forked', worker, generation }
    worker.on('message', (message: unknown) => {
      if (isToPrimary(message)) this.#told(slot, worker, message)
    })
    let dead = false
    const died = (cause: string) => {
      if (dead) return
      dead = true
      this.#died(slot, worker, cause)
    }
    worker.on('exit', (code, signal) => {
      const cause = signal ? `was killed by ${signal}` : `exited with ${code}`
      // Confirmations of handles may still be in the channel; its end comes after them.
      if (worker.isConnected()) worker.once('disconnect', () => died(cause))
      else died(cause)
    })
    worker.once('disconnect', () => {
      const orphan = setTimeout(() => worker.process.kill('SIGKILL'), ORPHAN_MS)
      worker.once('exit', () => clearTimeout(orphan))
    })
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) died(`could not be started: ${error.message}`)
      else this.#setup.log.debug({ slot, err: error }, 'channel of a worker')
    })
  }

  #told(slot: number, worker: Worker, message: ToPrimary): void {
    const at = this.#slots[slot]
    if (!at || !('worker' in at) || at.worker !== worker) return
    const { generation } = at
    switch (message.type) {
      case 'up':
        this.#slots[slot] = { state: 'started', worker, generation }
        tell(worker, { ...this.#setup.start, type: 'start', slot, generation })
        return
      case 'ready':
        this.#slots[slot] = { state: 'ready', worker, generation, since: performance.now() }
        this.#setup.log.debug({ slot, worker: worker.process.pid, generation }, 'worker ready')
        if (this.#slots.every(isReady) && this.#health !== 'stopping') this.#health = 'ok'
        this.#broadcast()
        if (this.#health !== 'stopping') this.#setup.ready(slot, worker)
        return
      case 'failed':
        this.#reasons[slot] = message.reason
        if (message.fatal) this.#fail(message.reason)
        else this.#setup.log.error({ slot }, message.reason)
        // It has said its last word, and waits for this.
        worker.process.kill('SIGKILL')
        return
      case 'stopped':
        return
    }
  }

  #died(slot: number, worker: Worker, cause: string): void {
    const at = this.#slots[slot]
    if (!at || !('worker' in at) || at.worker !== worker) return
    this.#slots[slot] = { state: 'none' }
    if (at.state === 'ready') this.#broadcast()
    this.#setup.gone(slot)
    if (this.#health === 'stopping') {
      this.#checkStopped()
      return
    }
    if (this.#health === 'ok') this.#health = 'degraded'
    const now = performance.now()
    const verdict = this.#deaths[slot]!.died(now, at.state === 'ready' ? now - at.since : null)
    this.#setup.log.warn({ slot, worker: worker.process.pid }, `worker ${cause}`)
    if (verdict.kind === 'give up') {
      this.#fail(`worker ${slot} ended ${verdict.how}: ${this.#reasons[slot] ?? `it ${cause}`}`)
    } else if (!this.#failed) {
      const timer = setTimeout(() => this.#fork(slot), verdict.afterMs)
      this.#slots[slot] = { state: 'waiting', timer }
    }
  }

  #fail(reason: string): void {
    if (this.#failed || this.#health === 'stopping') return
    this.#failed = true
    this.#setup.fatal(reason)
  }

  /** To the ready ones only: another might not listen yet, and is told when it is. */
  #broadcast(): void {
    const generations = this.#slots.map((at) => (at.state === 'ready' ? at.generation : 0))
    for (const at of this.#slots) if (at.state === 'ready') tell(at.worker, { type: 'fleet', generations })
  }

  #checkStopped(): void {
    if (!this.#slots.some((at) => 'worker' in at)) this.#stopped?.()
  }
}

function isReady(slot: Slot): boolean {
  return slot.state === 'ready'
}

/** A worker that is dying cannot be told; its exit says the rest. */
function tell(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => {})
}
