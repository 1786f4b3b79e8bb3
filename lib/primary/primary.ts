/** The server's first process: puts acceptor, workers and directories together, and takes them apart in order. */
import type { Logger } from 'pino'
import type { Options } from '../options.ts'
import { placeSegment, type Route } from '../placement.ts'
import { Acceptor } from './acceptor.ts'
import type { Answer } from './answer.ts'
import {
  type JournalDirectory,
  makeSocketDirectory,
  openJournal,
  removeSocketDirectory,
} from './directory.ts'
import { Fleet } from './fleet.ts'
import { type Arrival, Handover } from './handover.ts'

export interface PrimarySetup {
  readonly options: Options
  /** Absolute path of the application; null for the built-in chat. */
  readonly app: string | null
  /** Absolute path of the worker's program. */
  readonly exec: string
  readonly log: Logger
  /** All workers are ready for the first time. */
  readonly listening: (url: string) => void
}

/** How a server ended. `failed`: one sentence for stderr. */
export type Outcome = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string }

export class Primary {
  /** When everything has ended. Never rejects. */
  readonly ended: Promise<Outcome>
  readonly #setup: PrimarySetup
  #started: Promise<void>
  #end: (outcome: Outcome) => void = () => {}
  #acceptor: Acceptor | null = null
  #fleet: Fleet | null = null
  #journal: JournalDirectory | null = null
  #socketDirectory: string | null = null
  /** By slot; null while the slot cannot take connections. */
  #handovers: (Handover | null)[] = []
  #turn = 0
  #url = ''
  #stopping = false

  constructor(setup: PrimarySetup) {
    this.#setup = setup
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    const starting = this.#start()
    this.#started = starting.catch(() => {})
    starting.catch((error: Error) => this.#stop({ kind: 'failed', reason: error.message }))
  }

  get pids(): (number | null)[] {
    return this.#fleet?.pids ?? []
  }

  /** Orderly; within `shutdownMs`. */
  stop(): void {
    void this.#stop({ kind: 'stopped' })
  }

  async #start(): Promise<void> {
    const { options, exec, app, log } = this.#setup
    const opened = await openJournal(options.journal)
    if (!opened.ok) throw new Error(opened.reason)
    this.#journal = opened.directory
    if (this.#stopping) return
    const { placementKey, path } = opened.directory
    const { workers, shutdownMs, handoversWaiting } = options
    this.#handovers = new Array<null>(workers).fill(null)
    const place = (arrival: Arrival) => this.#place(arrival)
    this.#acceptor = new Acceptor({ options, log, place, health: () => this.#health() })
    const port = await this.#listen(this.#acceptor)
    if (this.#stopping) return
    this.#url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}/`
    const socketDirectory = makeSocketDirectory()
    this.#socketDirectory = socketDirectory
    this.#fleet = new Fleet({
      exec,
      workers,
      shutdownMs,
      log,
      start: { workers, placementKey, socketDirectory, app, options: { ...options, journal: path } },
      ready: (slot, worker) => {
        this.#handovers[slot] = new Handover(worker, handoversWaiting, (lost) =>
          this.#acceptor?.refuse(lost.handle),
        )
        if (this.#fleet?.health === 'ok') this.#announce()
      },
      gone: (slot) => this.#gone(slot),
      fatal: (reason) => void this.#stop({ kind: 'failed', reason }),
    })
    this.#fleet.start()
  }

  async #listen(acceptor: Acceptor): Promise<number> {
    try {
      return await acceptor.listen()
    } catch (error) {
      const { host, port } = this.#setup.options
      const { code, message } = error as NodeJS.ErrnoException
      throw new Error(
        code === 'EADDRINUSE'
          ? `port ${port} of ${host} is in use`
          : `cannot listen on port ${port} of ${host}: ${message}`,
      )
    }
  }

  #announce(): void {
    const url = this.#url
    this.#url = ''
    if (url !== '') this.#setup.listening(url)
  }

  #health(): Answer {
    const state = this.#stopping ? 'stopping' : (this.#fleet?.health ?? 'starting')
    return { status: state === 'ok' ? 200 : 503, body: JSON.stringify({ status: state }), json: true }
  }

  #place(arrival: Arrival): boolean {
    const handover = this.#handovers[this.#slotOf(arrival.route)]
    return handover?.push(arrival) ?? false
  }

  #slotOf(route: Route): number {
    const { workers } = this.#setup.options
    const key = this.#journal?.placementKey as Uint8Array
    if (route.kind === 'segment') return placeSegment(key, route.segment, workers)
    if (route.kind === 'sid' && route.slot < workers) return route.slot
    for (let tried = 0; tried < workers; tried++) {
      this.#turn = (this.#turn + 1) % workers
      if (this.#handovers[this.#turn]) break
    }
    return this.#turn
  }

  /** What waited for a dead worker goes where it can: pages to another worker; a segment has no other, and gets 503. */
  #gone(slot: number): void {
    const left = this.#handovers[slot]?.close() ?? []
    this.#handovers[slot] = null
    for (const arrival of left) if (!this.#place(arrival)) this.#acceptor?.refuse(arrival.handle)
  }

  async #stop(outcome: Outcome): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    await this.#started
    this.#acceptor?.close()
    await this.#fleet?.stop()
    this.#acceptor?.end()
    if (this.#socketDirectory) removeSocketDirectory(this.#socketDirectory)
    this.#journal?.release()
    this.#end(outcome)
  }
}
