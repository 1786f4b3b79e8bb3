/** The worker processes: one per slot, started, watched, started again, replaced one by one, stopped. */
import cluster from 'node:cluster'
import type { ToWorker } from '../wire/ipc.ts'
import { Deaths } from './deaths.ts'
import type { FleetSetup } from './fleet-setup.ts'
import { Replacement, type Step } from './replacement.ts'
import { isReady, processOf, reportOf, type Slot, type SlotReport } from './slot.ts'
import { type Said, WorkerProcess } from './worker-process.ts'

/** `starting`: not all workers were ready yet; `degraded`: they were, and now one is missing. */
export type Health = 'starting' | 'ok' | 'degraded' | 'stopping'

export class Fleet {
  readonly #setup: FleetSetup
  readonly #slots: Slot[]
  readonly #deaths: readonly Deaths[]
  readonly #reasons: (string | null)[]
  #generation = 0
  #health: Health = 'starting'
  #failed = false
  #replacement: Replacement | null = null
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
    return this.#slots.map((slot) => processOf(slot)?.pid ?? null)
  }

  /** What can be said of each slot. */
  report(): SlotReport[] {
    return this.#slots.map((at, slot) => reportOf(slot, at, this.#reasons[slot] ?? null))
  }

  start(): void {
    cluster.setupPrimary({ exec: this.#setup.exec, args: [], serialization: 'advanced' })
    for (let slot = 0; slot < this.#setup.workers; slot++) this.#fork(slot)
  }

  /** Resolves when no worker is left: at the latest when `shutdownMs` are almost over. */
  async stop(): Promise<void> {
    this.#health = 'stopping'
    this.#replacement?.next?.kill()
    for (const [slot, at] of this.#slots.entries()) {
      if (at.state === 'waiting') {
        clearTimeout(at.timer)
        this.#slots[slot] = { state: 'none' }
      }
      // One that is not ready holds nothing, and might hear it only when its application has loaded.
      else if (at.state === 'ready') at.process.tell({ type: 'stop' })
      else if (at.state === 'starting') at.process.kill()
      else if (at.state === 'leaving') at.next.kill()
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
      if (!('process' in at)) continue
      this.#setup.log.warn({ slot, pid: at.process.pid }, 'worker did not stop in time')
      at.process.kill()
    }
  }

  /** All processes that have been started, or will be before they hear of it. */
  tell(message: ToWorker): void {
    for (const at of this.#slots) {
      if ('process' in at) at.process.tell(message)
      if ('next' in at) at.next.tell(message)
    }
    this.#replacement?.next?.tell(message)
  }

  // — replacing —

  /** Starts a process beside the slot's own one, which goes on until `cut`. */
  prepare(slot: number, step: (step: Step, reason: string) => void): void {
    this.#replacement = new Replacement(slot, this.#spawn(slot, true), step)
  }

  /** The slot's process writes its last batch and ends; the one beside it follows. */
  cut(): void {
    const { slot } = this.#replacement!
    const next = this.#replacement!.take()!
    const at = this.#slots[slot]!
    if (at.state !== 'ready') {
      // It died meanwhile: nobody is in the way.
      if (at.state === 'waiting') clearTimeout(at.timer)
      if (at.state === 'starting') at.process.kill()
      this.#follow(slot, next)
      return
    }
    this.#slots[slot] = { state: 'leaving', process: at.process, next }
    this.#broadcast()
    this.#setup.leaving(slot)
    at.process.tell({ type: 'drain' })
    const late = setTimeout(() => at.process.kill(), this.#setup.shutdownMs)
    at.process.worker.once('exit', () => clearTimeout(late))
  }

  /** Nothing is being replaced any more. */
  settle(): void {
    this.#replacement?.next?.kill()
    this.#replacement = null
  }

  isReady(slot: number): boolean {
    return this.#slots[slot]?.state === 'ready'
  }

  #follow(slot: number, next: WorkerProcess): void {
    this.#slots[slot] = { state: 'starting', process: next }
    next.tell({ type: 'recover' })
  }

  // — processes —

  #fork(slot: number): void {
    this.#slots[slot] = { state: 'starting', process: this.#spawn(slot, false) }
  }

  #spawn(slot: number, waits: boolean): WorkerProcess {
    const generation = ++this.#generation
    const { start, log } = this.#setup
    const process: WorkerProcess = new WorkerProcess(generation, {
      told: (message) => {
        if (message.type === 'up') process.tell({ ...start, type: 'start', slot, generation, waits })
        else this.#told(slot, process, message)
      },
      died: (cause) => this.#died(slot, process, cause),
      channel: (error) => log.debug({ slot, err: error }, 'channel of a worker'),
    })
    return process
  }

  #told(slot: number, process: WorkerProcess, message: Said): void {
    const at = this.#slots[slot]!
    switch (message.type) {
      case 'loaded':
        if (this.#replacement?.next === process) this.#replacement.loaded()
        return
      case 'ready':
        if ('process' in at && at.process === process) this.#ready(slot, process)
        return
      case 'failed':
        this.#lastWord(slot, process, message)
        return
      case 'journal':
        this.#setup.journal(slot, message.failing)
        return
      case 'up':
      case 'stopped':
        return
    }
  }

  #ready(slot: number, process: WorkerProcess): void {
    this.#slots[slot] = { state: 'ready', process, since: performance.now() }
    this.#setup.log.debug({ slot, worker: process.pid, generation: process.generation }, 'worker ready')
    if (this.#slots.every(isReady) && this.#health !== 'stopping') this.#health = 'ok'
    this.#broadcast()
    const { watchMs: everyMs } = this.#setup
    if (everyMs > 0) process.tell({ type: 'watch', everyMs })
    if (this.#health !== 'stopping') this.#setup.ready(slot, process.worker)
    if (this.#replacement?.slot === slot && !this.#replacement.next) this.#replacement.ready()
  }

  #lastWord(slot: number, process: WorkerProcess, message: Said & { type: 'failed' }): void {
    // It has said its last word, and waits for this.
    process.kill()
    if (this.#replacement?.next === process) {
      this.#replacement.failed(message.reason)
      return
    }
    this.#reasons[slot] = message.reason
    if (message.fatal && this.#replacement?.slot !== slot) this.#fail(message.reason)
    else this.#setup.log.error({ slot }, message.reason)
  }

  #died(slot: number, process: WorkerProcess, cause: string): void {
    const at = this.#slots[slot]!
    if (this.#replacement?.next === process) this.#replacement.failed(`the new worker ${cause}`)
    if (!('process' in at) || at.process !== process) {
      // The one that was to follow: another is started when the one that leaves has ended.
      if (at.state === 'leaving' && at.next === process) {
        this.#slots[slot] = { state: 'starting', process: at.process }
        at.process.kill()
      }
      return
    }
    this.#slots[slot] = { state: 'none' }
    if (at.state === 'ready') this.#broadcast()
    this.#setup.gone(slot)
    if (at.state === 'leaving' && this.#health !== 'stopping') return this.#follow(slot, at.next)
    if (this.#health === 'stopping') return this.#checkStopped()
    this.#startAgain(slot, process, at, cause)
  }

  #startAgain(slot: number, process: WorkerProcess, at: Slot, cause: string): void {
    if (this.#health === 'ok') this.#health = 'degraded'
    const now = performance.now()
    const verdict = this.#deaths[slot]!.died(now, at.state === 'ready' ? now - at.since : null)
    this.#setup.log.warn({ slot, worker: process.pid }, `worker ${cause}`)
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
    const generations = this.#slots.map((at) => (at.state === 'ready' ? at.process.generation : 0))
    for (const at of this.#slots) if (at.state === 'ready') at.process.tell({ type: 'fleet', generations })
  }

  #checkStopped(): void {
    if (!this.#slots.some((at) => 'process' in at)) this.#stopped?.()
  }
}
