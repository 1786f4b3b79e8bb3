/** One process of a slot: forked, told, listened to, and known to be dead only when its channel is read to the end. */
import cluster, { type Worker } from 'node:cluster'
import { isToPrimary, type ToPrimary, type ToWorker, type Vitals } from '../wire/ipc.ts'

/** What is kept here is told nobody. */
export type Said = Exclude<ToPrimary, { type: 'vitals' }>

export interface ProcessEvents {
  told(message: Said): void
  /** Once. `cause`: "was killed by SIGKILL". */
  died(cause: string): void
  /** An error of its channel; its end says the rest. */
  channel(error: Error): void
}

/** A process whose channel is closed can do nothing more for us, and should have ended by itself. */
const ORPHAN_MS = 1000

export class WorkerProcess {
  readonly worker: Worker
  readonly generation: number
  /** How it said it was, and when. */
  heard: { readonly vitals: Vitals; readonly at: number } | null = null
  #dead = false

  constructor(generation: number, events: ProcessEvents) {
    const worker = cluster.fork()
    this.worker = worker
    this.generation = generation
    worker.on('message', (message: unknown) => {
      if (!isToPrimary(message) || this.#dead) return
      if (message.type === 'vitals') this.heard = { vitals: message.vitals, at: performance.now() }
      else events.told(message)
    })
    const died = (cause: string) => {
      if (this.#dead) return
      this.#dead = true
      events.died(cause)
    }
    worker.on('exit', (code, signal) => {
      const cause = signal ? `was killed by ${signal}` : `exited with ${code}`
      // Confirmations of handles may still be in the channel; its end comes after them.
      if (worker.isConnected()) worker.once('disconnect', () => died(cause))
      else died(cause)
    })
    worker.once('disconnect', () => {
      const orphan = setTimeout(() => this.kill(), ORPHAN_MS)
      worker.once('exit', () => clearTimeout(orphan))
    })
    worker.on('error', (error) => {
      if (worker.process.pid === undefined) died(`could not be started: ${error.message}`)
      else events.channel(error)
    })
  }

  get pid(): number | null {
    return this.worker.process.pid ?? null
  }

  /** A process that is dying cannot be told; its exit says the rest. */
  tell(message: ToWorker): void {
    if (this.worker.isConnected()) this.worker.send(message, () => {})
  }

  kill(): void {
    this.worker.process.kill('SIGKILL')
  }
}
