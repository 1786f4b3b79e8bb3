/** A real server: bin/serve with its workers, a journal of its own, and proof at the end that nothing of it is left. */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, connect as dial } from 'node:net'
import { join } from 'node:path'
import { placeRoom, placeSegment } from '../../lib/placement.ts'
import { childrenOf, processesWith } from './processes.ts'
import { ROOT } from './root.ts'
import { until, within } from './until.ts'

/** A long run on a busy machine takes more. */
const READY_MS = Number(process.env.PATIENCE_MS ?? 28_000)
/** The default of --shutdown-ms, and what a busy machine adds. */
const STOP_MS = 5000 + 3000

export interface ClusterOptions {
  /** An application of test/e2e/apps, without folder and ending; the built-in chat when absent. */
  readonly app?: string
  readonly workers?: number
  /** Further options of bin/serve. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Instead of bin/serve, for tests of this file. */
  readonly program?: string
  /** Arguments of node, for all processes of the server. */
  readonly node?: readonly string[]
  /** One that is to be killed and started again has a `steadyPort`; default any. */
  readonly port?: number
}

/** A line of pino. `level`: 30 info, 40 warn, 50 error, 60 fatal. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

interface Teardown {
  teardown(handler: () => Promise<void>): unknown
}

/** Starts a server and waits until it says that it listens; `t` stops it at its end, if the test did not. */
export async function startCluster(t: Teardown, options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = new Cluster(options)
  t.teardown(() => cluster.stop())
  try {
    await cluster.ready()
  } catch (error) {
    await cluster.kill()
    throw error
  }
  return cluster
}

/** What a server that does not start says: for wrong options, broken apps, busy ports. */
export async function failToStart(options: ClusterOptions): Promise<{ code: number | null; stderr: string }> {
  const cluster = new Cluster(options)
  try {
    const code = await within(cluster.exit, READY_MS, 'the exit of a server that cannot start')
    cluster.assertGone()
    return { code, stderr: cluster.stderr }
  } finally {
    await cluster.kill()
  }
}

export class Cluster {
  /** Holds the journal, and is the server's TMPDIR. Short: unix socket paths are bounded. */
  readonly directory = mkdtempSync('/tmp/limpet-')
  exit!: Promise<number | null>
  stdout = ''
  stderr = ''
  port: number
  /** `--workers` */
  slots: number
  readonly #options: ClusterOptions
  #child!: ChildProcess
  #over = false

  constructor(options: ClusterOptions) {
    this.#options = options
    this.slots = options.workers ?? 2
    this.port = options.port ?? 0
    this.#spawn()
  }

  /** kill -9 of the primary. Its workers notice by themselves; what is on disk stays. */
  async crash(): Promise<void> {
    this.#child.kill('SIGKILL')
    if (!this.#ended) await once(this.#child, 'exit')
  }

  /** Starts it again, on the same port and journal; `ready` tells how that goes. */
  again(workers = this.slots): void {
    this.slots = workers
    this.#spawn()
  }

  #spawn(): void {
    const { app, args = [], env = {}, program = join(ROOT, 'bin/serve'), node } = this.#options
    const options = [
      ...(app === undefined ? [] : [join(ROOT, `test/e2e/apps/${app}.js`)]),
      ...['--port', String(this.port), '--workers', String(this.slots)],
      ...(args.includes('--no-journal') ? [] : ['--journal', this.journal]),
      ...args,
    ]
    // tap puts its NODE_OPTIONS into every child, whatever `env` says; with them an extensionless script dies.
    // And it kills a test that is late: the server must not outlive that.
    const command = ['--pdeathsig', 'TERM', 'env', '-u', 'NODE_OPTIONS']
    if (node) command.push(process.execPath, ...node)
    this.stdout = ''
    const child = spawn('setpriv', [...command, program, ...options], {
      cwd: this.directory,
      env: { ...process.env, ...env, TMPDIR: this.directory },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (child === this.#child) this.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.exit = once(child, 'close').then(([code]) => code as number | null)
  }

  get journal(): string {
    return join(this.directory, 'journal')
  }

  get url(): string {
    return `${this.stdout.includes('https:') ? 'https' : 'http'}://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Pids of the workers alive now. */
  workers(): number[] {
    return childrenOf(this.pid)
  }

  /** The slot that owns a segment, by the key beside the journal. */
  slotOf(segment: string): number {
    return placeSegment(this.#placementKey(), segment, this.slots)
  }

  /** A random segment that this slot owns. */
  segmentOn(slot: number): string {
    return randomUntil((segment) => this.slotOf(segment) === slot)
  }

  /** A random name of a room whose home this slot is. */
  roomOn(slot: number): string {
    return randomUntil((room) => placeRoom(this.#placementKey(), room, this.slots) === slot)
  }

  /** What has been logged so far; lines that are no JSON come as `msg` of level 0. */
  log(): LogLine[] {
    const lines = this.stderr.split('\n').filter((line) => line !== '')
    return lines.map((line): LogLine => {
      try {
        return JSON.parse(line) as LogLine
      } catch {
        return { level: 0, msg: line }
      }
    })
  }

  /** Warnings and worse, and what is no log line at all. */
  complaints(): LogLine[] {
    return this.log().filter(({ level }) => level >= 40 || level === 0)
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async ready(): Promise<void> {
    const line = /^limpet listening on https?:\/\/127\.0\.0\.1:(\d+)\/$/m
    await until(() => line.test(this.stdout) || this.#ended, READY_MS, "the server's first line")
    const port = line.exec(this.stdout)?.[1]
    if (port === undefined) throw new Error(`the server ended with ${await this.exit}: ${this.stderr}`)
    this.port = Number(port)
  }

  /** Orderly stop. Throws where it takes too long, exits with another code than 0, or leaves anything behind. */
  async stop(): Promise<void> {
    if (this.#over) return
    this.#child.kill('SIGTERM')
    try {
      const code = await within(this.exit, STOP_MS, `the orderly stop (stderr: ${this.stderr})`)
      if (code !== 0) throw new Error(`the server stopped with ${code}: ${this.stderr}`)
      this.assertGone()
      this.#assertNoFiles()
      await this.#assertPortClosed()
    } finally {
      await this.kill()
    }
  }

  /** kill -9 of the primary; the workers must notice. Throws where one lives on. */
  async kill(): Promise<void> {
    if (this.#over) return
    this.#over = true
    this.#child.kill('SIGKILL')
    try {
      await until(() => this.#processes().length === 0, STOP_MS, 'the end of all workers')
    } finally {
      for (const pid of this.#processes()) process.kill(pid, 'SIGKILL')
      await this.exit
      rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 })
    }
  }

  /** Throws where a process of this server is alive. */
  assertGone(): void {
    const alive = this.#processes()
    if (alive.length > 0) throw new Error(`processes left behind: ${alive.join(', ')}`)
  }

  #placementKey(): Uint8Array {
    return readFileSync(join(this.journal, 'placement.key'))
  }

  /** Whoever their parent is by now: the environment tells them. */
  #processes(): number[] {
    return processesWith('TMPDIR', this.directory)
  }

  /** The journal may stay; sockets and temporary files may not. */
  #assertNoFiles(): void {
    const left = readdirSync(this.directory, { recursive: true, withFileTypes: true })
      .filter(
        (entry) => entry.isSocket() || (entry.parentPath === this.directory && entry.name !== 'journal'),
      )
      .map(({ name }) => name)
    if (left.length > 0) throw new Error(`files left behind: ${left.join(', ')}`)
  }

  async #assertPortClosed(): Promise<void> {
    const socket = dial({ host: '127.0.0.1', port: this.port })
    const refused = await Promise.race([
      once(socket, 'connect').then(() => false),
      once(socket, 'close').then(() => true),
    ]).catch(() => true)
    socket.destroy()
    if (!refused) throw new Error(`port ${this.port} is still open`)
  }
}

/** A free port that no outgoing connection takes while the server is away: they take higher ones. */
export async function steadyPort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000)
    const server = createServer().listen(port, '127.0.0.1')
    const free = await once(server, 'listening').catch(() => null)
    if (!free) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

function randomUntil(fits: (token: string) => boolean): string {
  for (;;) {
    const token = randomBytes(16).toString('base64url')
    if (fits(token)) return token
  }
}
