/** What a run of cuts found, and the cluster it ran against. */
import { Cluster } from './cluster.ts'
import type { Finding } from './history.ts'
import type { LoadedClient } from './load.ts'
import { descriptorsOf } from './processes.ts'
import { until } from './until.ts'

export interface CutsReport {
  /** Connections that were cut or swallowed, and those of them that it caught within a frame or a request. */
  readonly cuts: number
  readonly midFrame: number
  /** Messages sent by clients, and received by them. */
  readonly up: number
  readonly down: number
  readonly resumes: number
  /** Frames that came on a new link though an old one had brought them: the client must skip them. */
  readonly skips: number
  /** Requests that a balancer sent again. */
  readonly reissued: number
  /** Connections whose beginning was said twice. */
  readonly doubled: number
  readonly findings: readonly string[]
}

/** What clients do not get back in this time after their last connection is gone has leaked. */
const SETTLE_MS = 5000

/** Short probes, so that a half-open link is noticed inside a test; an outbox that a bad second cannot fill. */
export const OUTBOX_BYTES = 8 * 1024 * 1024
const ARGS = [
  '--ping-interval-ms',
  '300',
  '--ping-timeout-ms',
  '1000',
  '--outbox-bytes',
  String(OUTBOX_BYTES),
]

/**
 * @param act what happens to the cluster; none of its connections lives on behind it
 * @returns what it returned, and what was found in the cluster behind it
 */
export async function withCluster<T>(
  act: (cluster: Cluster) => Promise<T>,
): Promise<{ value: T; findings: string[] }> {
  const cluster = new Cluster({ app: 'load', args: ARGS })
  try {
    await cluster.ready()
    const pids = cluster.workers()
    const before = descriptors(cluster)
    const value = await act(cluster)
    const findings = cluster.complaints().map((line) => JSON.stringify(line))
    if (String(cluster.workers()) !== String(pids)) findings.push('a worker died')
    const left = (): number[] => descriptors(cluster).map((count, i) => count - before[i]!)
    await until(() => left().every((count) => count <= 0), SETTLE_MS).catch(() => {
      findings.push(`descriptors left in the primary and its workers: ${left()}`)
    })
    await cluster.stop()
    return { value, findings }
  } finally {
    await cluster.kill()
  }
}

function descriptors(cluster: Cluster): number[] {
  return [cluster.pid, ...cluster.workers()].map(descriptorsOf)
}

export function figuresOf(
  clients: readonly LoadedClient[],
): Pick<CutsReport, 'up' | 'down' | 'resumes' | 'skips'> {
  const sum = (of: (client: LoadedClient) => number): number =>
    clients.reduce((n, client) => n + of(client), 0)
  return {
    up: sum(({ up }) => up),
    down: sum(({ down }) => down),
    resumes: sum(({ resumes }) => resumes),
    skips: sum(({ page }) => page.skips),
  }
}

/** Sessions that ended: under cuts none may. */
export function lossesOf(clients: readonly LoadedClient[]): string[] {
  return clients.flatMap(({ name, discontinuities }) => discontinuities.map((code) => `${name}: ${code}`))
}

export function sentenceOf({ kind, stream, message }: Finding): string {
  return `${stream}, ${message}: ${kind}`
}

export function sumOf(reports: readonly CutsReport[]): CutsReport {
  const sum = { cuts: 0, midFrame: 0, up: 0, down: 0, resumes: 0, skips: 0, reissued: 0, doubled: 0 }
  for (const report of reports) {
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += report[key]
  }
  return { ...sum, findings: reports.flatMap(({ findings }) => findings) }
}
