/** What the processes of a server hold while nobody is connected, told by themselves (gauge-preload.js) and by /proc. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { descriptorsOf } from './processes.ts'
import { ROOT } from './root.ts'
import { until } from './until.ts'

const ANSWER_MS = 20_000

export interface Gauge {
  /** `primary`, or a worker's slot. */
  readonly of: string
  readonly pid: number
  readonly heapBytes: number
  /** Timers that keep it alive. */
  readonly timers: number
  /** What else does: sockets, pipes, requests. */
  readonly handles: number
  /** But for unix sockets, which workers keep among themselves. */
  readonly descriptors: number
  /** Of its slot; 0 for the primary. */
  readonly journalBytes: number
}

interface Told {
  readonly heapBytes: number
  readonly resources: Readonly<Record<string, number>>
}

export class Gauges {
  readonly #directory = mkdtempSync('/tmp/limpet-gauges-')
  /** For a Cluster. */
  readonly node = ['--expose-gc', '--import', join(ROOT, 'test/support/gauge-preload.js')]
  readonly env = { GAUGES: this.#directory }

  /** @param processes pids by what they are */
  async read(processes: ReadonlyMap<string, number>, journal: string): Promise<Gauge[]> {
    const files = [...processes.values()].map((pid) => join(this.#directory, String(pid)))
    for (const file of files) rmSync(file, { force: true })
    for (const pid of processes.values()) process.kill(pid, 'SIGUSR2')
    await until(() => files.every(existsSync), ANSWER_MS, 'the gauges')
    return [...processes].map(([of, pid]) => {
      const told = JSON.parse(readFileSync(join(this.#directory, String(pid)), 'utf8')) as Told
      const { Timeout: timers = 0, Immediate: _, ...others } = told.resources
      const handles = Object.values(others).reduce((sum, n) => sum + n, 0)
      const journalBytes = journalBytesOf(journal, of)
      return {
        of,
        pid,
        heapBytes: told.heapBytes,
        timers,
        handles,
        descriptors: descriptorsOf(pid),
        journalBytes,
      }
    })
  }

  close(): void {
    rmSync(this.#directory, { recursive: true })
  }
}

function journalBytesOf(journal: string, slot: string): number {
  const files = readdirSync(journal, { recursive: true, encoding: 'utf8' })
  const own = files.filter((file) => file.includes(`slot-${slot}.`))
  return own.reduce((sum, file) => sum + statSync(join(journal, file)).size, 0)
}
