/** The server's first process: puts acceptor, workers and directories together, and takes them apart in order. */
import type { ChildProcess } from 'node:child_process'
import type { Logger } from 'pino'
import type { Options } from '../options.ts'
import { Acceptor } from './acceptor.ts'
import { Admin, type Health } from './admin.ts'
import type { Answer } from './answer.ts'
import { CertificateFiles } from './certificate.ts'
import {
  type JournalDirectory,
  makeSocketDirectory,
  openJournal,
  removeSocketDirectory,
} from './directory.ts'
import { Dispatcher } from './dispatcher.ts'
import { Fleet } from './fleet.ts'
import type { Arrival } from './handover.ts'
import { havingPort } from './port.ts'
import { reload } from './reload.ts'
import { type ReloadReport, readReloadReport, writeReloadReport } from './reload-report.ts'
import { slotFilesOf } from './slot-files.ts'

export interface PrimarySetup {
  readonly options: Options
  /** Absolute path of the application; null for the built-in chat. */
  readonly app: string | null
  /** Absolute path of the worker's program. */
  readonly exec: string
  /** Absolute path of the program that deals a journal to another number of workers. */
  readonly deal: string
  readonly log: Logger
  /** All workers are ready for the first time. */
  readonly listening: (url: string) => void
}

/** How often workers say how they are, where an admin may ask. */
const WATCH_MS = 1000

/** How a server ended. `failed`: one sentence for stderr. */
export type Outcome = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string }

export class Primary {
  /** When everything has ended. Never rejects. */
  readonly ended: Promise<Outcome>
  readonly #setup: PrimarySetup
  #started: Promise<void>
  #end: (outcome: Outcome) => void = () => {}
  #acceptor: Acceptor | null = null
  readonly #admin = new Admin(() => this.#details())
  #fleet: Fleet | null = null
  #journal: JournalDirectory | null = null
  #certificate: CertificateFiles | null = null
  #socketDirectory: string | null = null
  #dispatcher: Dispatcher | null = null
  #reloading = false
  #dealing: ChildProcess | null = null
  /** Slots whose journal cannot be written: they go on in memory. */
  readonly #failingJournals = new Set<number>()
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

  /** Replaces the workers one by one. Resolves with null when the last one is, or with one sentence. */
  async reload(): Promise<string | null> {
    if (this.#reloading) return 'a reload is under way'
    this.#reloading = true
    this.#certificate?.reread()
    const journal = this.#journal?.path ?? null
    const number = journal === null ? 0 : readReloadReport(journal).number + 1
    const report = (state: ReloadReport['state'], reason: string): void => {
      try {
        if (journal !== null) writeReloadReport(journal, { number, pid: process.pid, state, reason })
      } catch (error) {
        this.#setup.log.warn({ err: error }, 'the report of the reload could not be written')
      }
    }
    report('running', '')
    const reason = this.#notNow() ?? (await reload(this.#fleet as Fleet, this.#setup.options.workers))
    report(reason === null ? 'done' : 'failed', reason ?? '')
    this.#reloading = false
    return reason
  }

  /** Why no worker is replaced now. */
  #notNow(): string | null {
    if (this.#fleet?.health !== 'ok') return 'not all workers are ready'
    return this.#failingJournals.size > 0
      ? 'a journal cannot be written: its sessions are in memory only'
      : null
  }

  async #start(): Promise<void> {
    const { options, exec, app, log } = this.#setup
    const opened = await openJournal(options.journal)
    if (!opened.ok) throw new Error(opened.reason)
    this.#journal = opened.directory
    if (this.#stopping) return
    this.#certificate = this.#openCertificate()
    const { placementKey } = opened.directory
    const slotFiles = await slotFilesOf(opened.directory, this.#setup, (child) => {
      this.#dealing = child
    })
    if (this.#stopping) return
    const { workers, shutdownMs } = options
    const refuse = (arrival: Arrival) => this.#acceptor?.refuse(arrival.handle)
    const dispatcher = new Dispatcher({ ...options, placementKey, refuse })
    this.#dispatcher = dispatcher
    const place = (arrival: Arrival) => dispatcher.place(arrival)
    this.#acceptor = new Acceptor({ options, log, place, health: () => this.#health() })
    const port = await this.#listen(this.#acceptor)
    if (this.#stopping) return
    const scheme = this.#certificate ? 'https' : 'http'
    this.#url = `${scheme}://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}/`
    const certificate = () => this.#certificate?.current ?? null
    const socketDirectory = makeSocketDirectory()
    this.#socketDirectory = socketDirectory
    this.#fleet = new Fleet({
      exec,
      workers,
      shutdownMs,
      watchMs: options.adminPort > 0 ? WATCH_MS : 0,
      log,
      start: {
        workers,
        placementKey,
        socketDirectory,
        app,
        // Whichever is the one when a process starts.
        get certificate() {
          return certificate()
        },
        options: { ...options, journal: slotFiles },
      },
      ready: (slot, worker) => {
        dispatcher.ready(slot, worker)
        if (this.#fleet?.health === 'ok') this.#announce()
      },
      leaving: (slot) => dispatcher.leaving(slot),
      gone: (slot) => {
        this.#failingJournals.delete(slot)
        dispatcher.gone(slot)
      },
      journal: (slot, failing) => {
        if (failing) this.#failingJournals.add(slot)
        else this.#failingJournals.delete(slot)
      },
      fatal: (reason) => void this.#stop({ kind: 'failed', reason }),
    })
    this.#fleet.start()
  }

  #openCertificate(): CertificateFiles | null {
    const { tlsCert, tlsKey } = this.#setup.options
    if (tlsCert === '') return null
    return new CertificateFiles(tlsCert, tlsKey, this.#setup.log, (certificate) =>
      this.#fleet?.tell({ type: 'certificate', certificate }),
    )
  }

  /** The public port, and the admin's. */
  async #listen(acceptor: Acceptor): Promise<number> {
    const { host, port, adminPort } = this.#setup.options
    const opened = await havingPort(acceptor.listen(), port, host)
    if (adminPort > 0) await havingPort(this.#admin.listen(adminPort), adminPort, '127.0.0.1')
    return opened
  }

  #announce(): void {
    const url = this.#url
    this.#url = ''
    if (url !== '') this.#setup.listening(url)
  }

  #health(): Answer {
    const { state, status } = this.#state()
    return { status: state === 'ok' ? 200 : 503, body: JSON.stringify({ status }), json: true }
  }

  #state() {
    const state = this.#stopping ? 'stopping' : (this.#fleet?.health ?? 'starting')
    // Still serving: whoever restarted the server because of it would lose what is in memory only.
    return { state, status: state === 'ok' && this.#failingJournals.size > 0 ? 'journal_failing' : state }
  }

  /** For the admin. */
  #details(): Health {
    const { rss } = process.memoryUsage()
    return {
      status: this.#state().status,
      primary: { pid: process.pid, upMs: Math.round(process.uptime() * 1000), rssBytes: rss },
      journal: this.#journal?.path ?? null,
      reloading: this.#reloading,
      connectionsWithoutHead: this.#acceptor?.reading ?? 0,
      workers: (this.#fleet?.report() ?? []).map((slot) => ({
        ...slot,
        journalFailing: this.#failingJournals.has(slot.slot),
        ...this.#dispatcher?.waiting(slot.slot),
      })),
    }
  }

  async #stop(outcome: Outcome): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#dealing?.kill('SIGKILL')
    this.#certificate?.close()
    await this.#started
    this.#acceptor?.close()
    this.#admin.close()
    this.#dispatcher?.close()
    await this.#fleet?.stop()
    this.#acceptor?.end()
    if (this.#socketDirectory) removeSocketDirectory(this.#socketDirectory)
    this.#journal?.release()
    this.#end(outcome)
  }
}
