/**
 * A server under everything at once, for a long time and in rounds: visitors that come and go, chat in both directions,
 * links that are cut, a worker that is killed, members that stop reading. Behind each round everybody leaves, and what the
 * server holds must be what it held before.
 */
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { SlotReport } from '../../lib/primary/slot.ts'
import type { Vitals } from '../../lib/wire/ipc.ts'
import { type Cluster, steadyPort } from '../support/cluster.ts'
import { type Gauge, Gauges } from '../support/gauges.ts'
import { ask, request } from '../support/raw.ts'
import type { Random } from '../support/seed.ts'
import { pause, until } from '../support/until.ts'
import { Chaos, startChaosCluster } from './chaos-run.ts'
import { RUNS_ENV } from './runs.ts'
import { Churn } from './soak-churn.ts'
import { stopReading } from './soak-reader.ts'

export interface SoakOptions {
  readonly graceMs: number
  readonly clients: number
  readonly members: number
  /** Visitors per second. */
  readonly visitors: number
  readonly killEveryMs: number
  readonly readersEveryMs: number
}

/** The only worker that is killed: the others, and the primary, live as long as the run. */
const VICTIM = 1
/** Its worker holds those who stop reading. */
const STEADY = 0
const WORKERS = 2
const LINES = 10
const LOOK_MS = 1000
/** Connections of clients that left are noticed by then. */
const REST_MS = 60_000

/** Highest seen in a round. */
export interface Peak {
  sessions: number
  outboxBytes: number
  busBytes: number
  rssBytes: number
  loopDelayMs: number
  /** From a worker's death until the next one is ready. */
  awayMs: number
  /** How late the generator itself was. */
  ownDelayMs: number
}

export interface Round {
  readonly peak: Peak
  readonly kills: number
  readonly readers: number
  readonly visitors: number
  readonly totals: string
  readonly findings: readonly string[]
}

export class Soak {
  readonly cluster: Cluster
  readonly #gauges: Gauges
  readonly #adminPort: number
  readonly #options: SoakOptions
  readonly #random: Random

  /** `close` it, whatever happens. */
  static async begin(options: SoakOptions, random: Random): Promise<Soak> {
    const gauges = new Gauges()
    const adminPort = await steadyPort()
    const args = [
      ...['--admin-port', String(adminPort), '--grace-ms', String(options.graceMs)],
      // Of what is kept by design there must soon be as much as there ever is.
      ...['--outbox-bytes', String(4 * 1024 * 1024), '--empty-rooms', '2', '--head-ms', '2000'],
    ]
    try {
      const { node, env } = gauges
      const crowd = { workers: WORKERS, clients: 0, members: 0, everyMs: 100 }
      const cluster = await startChaosCluster({ ...crowd, args, node, env })
      return new Soak(cluster, gauges, adminPort, options, random)
    } catch (error) {
      gauges.close()
      throw error
    }
  }

  private constructor(
    cluster: Cluster,
    gauges: Gauges,
    adminPort: number,
    options: SoakOptions,
    random: Random,
  ) {
    this.cluster = cluster
    this.#gauges = gauges
    this.#adminPort = adminPort
    this.#options = options
    this.#random = random
  }

  /** So long, and until everybody has left. */
  async round(ms: number): Promise<Round> {
    const { clients, members, visitors, killEveryMs, readersEveryMs } = this.#options
    const findings: string[] = []
    const crowd = { workers: WORKERS, clients, members, everyMs: 100, cuts: true }
    const chaos = await Chaos.join(this.cluster, crowd, this.#random)
    const churn = new Churn(this.cluster, LINES, (LINES * 1000) / visitors, this.#random.fork())
    const peak: Peak = {
      ...{ sessions: 0, outboxBytes: 0, busBytes: 0, rssBytes: 0, loopDelayMs: 0, awayMs: 0, ownDelayMs: 0 },
    }
    const own = monitorEventLoopDelay({ resolution: 20 })
    own.enable()
    let kills = 0
    let readers = 0
    const end = performance.now() + ms
    const every = async (everyMs: number, act: () => Promise<void>): Promise<void> => {
      while (performance.now() + everyMs < end) {
        await pause(everyMs)
        await act().catch((error: Error) => findings.push(error.message))
      }
    }
    try {
      await Promise.all([
        pause(ms),
        every(LOOK_MS, async () => note(peak, await this.#vitals())),
        every(killEveryMs, async () => {
          kills += 1
          peak.awayMs = Math.max(peak.awayMs, await this.#kill())
        }),
        every(readersEveryMs, async () => {
          readers += 2
          await stopReading(this.cluster, STEADY, 2)
        }),
      ])
      await churn.end()
      findings.push(...(await chaos.judge()))
    } finally {
      own.disable()
      peak.ownDelayMs = Math.round(own.max / 1e6)
      await churn.end()
      await chaos.leave()
    }
    const count = [...churn.came.values()].reduce((sum, n) => sum + n, 0)
    const missed = [...churn.failed.values()].reduce((sum, n) => sum + n, 0)
    // Those who met a death: its worker's visitors of a second or two.
    if (missed > count / 10) findings.push(`not served: ${JSON.stringify(Object.fromEntries(churn.failed))}`)
    truncateSync(join(this.cluster.directory, RUNS_ENV.CHAOS_RUNS))
    return { peak, kills, readers, visitors: count, totals: chaos.totals(), findings }
  }

  /** Everybody has left; `forgotten`: and nobody is remembered any more. Resolves to what the processes hold then. */
  async rest(forgotten: boolean): Promise<Gauge[]> {
    const { graceMs } = this.#options
    const quiet = async (): Promise<boolean> => {
      const all = await this.#vitals()
      return (
        all.length === WORKERS &&
        all.every(
          ({ sessions, rawLinks, ended, outboxBytes, busBytes }) =>
            sessions + rawLinks + outboxBytes + busBytes + (forgotten ? ended : 0) === 0,
        )
      )
    }
    await until(quiet, REST_MS + (forgotten ? 11 : 1) * graceMs, 'rest')
    // The last connections close, and timers that nobody needs any more run out.
    await pause(REST_MS / 10)
    const workers = (await this.#health()).map(({ slot, pid }) => [String(slot), pid!] as const)
    return this.#gauges.read(new Map([['primary', this.cluster.pid], ...workers]), this.cluster.journal)
  }

  async close(): Promise<void> {
    this.#gauges.close()
    await this.cluster.stop()
  }

  /** @returns how long its slot had no worker, ms */
  async #kill(): Promise<number> {
    const { pid } = (await this.#health())[VICTIM]!
    if (pid === null) return 0
    process.kill(pid, 'SIGKILL')
    const began = performance.now()
    const isBack = async (): Promise<boolean> => {
      const next = (await this.#health())[VICTIM]!
      return next.pid !== pid && next.state === 'ready'
    }
    await until(isBack, REST_MS, 'the worker that was killed')
    return Math.round(performance.now() - began)
  }

  async #vitals(): Promise<Vitals[]> {
    return (await this.#health()).flatMap(({ vitals }) => vitals ?? [])
  }

  async #health(): Promise<SlotReport[]> {
    const headers = { Host: '127.0.0.1', Connection: 'close' }
    const { body } = await ask(this.#adminPort, request('/health', { headers }))
    return (JSON.parse(String(body)) as { workers: SlotReport[] }).workers
  }
}

function note(peak: Peak, all: readonly Vitals[]): void {
  const sum = (of: (vitals: Vitals) => number): number => all.reduce((total, vitals) => total + of(vitals), 0)
  peak.sessions = Math.max(
    peak.sessions,
    sum(({ sessions }) => sessions),
  )
  peak.outboxBytes = Math.max(
    peak.outboxBytes,
    sum(({ outboxBytes }) => outboxBytes),
  )
  peak.busBytes = Math.max(
    peak.busBytes,
    sum(({ busBytes }) => busBytes),
  )
  peak.rssBytes = Math.max(peak.rssBytes, ...all.map(({ rssBytes }) => rssBytes))
  peak.loopDelayMs = Math.max(peak.loopDelayMs, ...all.map(({ loopDelayMs }) => loopDelayMs.p99))
}
