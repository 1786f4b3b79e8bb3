/** A server under siege by connections that say next to nothing: who means well still gets in, who does not is cut in time. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Cluster } from '../support/cluster.ts'
import { rawConnect, upgradeRequest } from '../support/raw.ts'
import { ROOT } from '../support/root.ts'
import { until, within } from '../support/until.ts'

const PROGRAM = join(ROOT, 'test/support/slow-loris.js')
const DRIP_MS = 1000
/** The worker's, for a connection that is idle behind an answer. */
const KEEP_ALIVE_MS = 5000
const AT_ONCE = 4

export interface Siege {
  readonly connections: number
  readonly headMs: number
  /** Some drip behind an answer, at a worker; their time is long. */
  readonly kept: boolean
  /** Visits of those who mean well, before and during the siege. */
  readonly visits: number
  /** Before a life is found too long: timers are coarse, and machines busy. */
  readonly slackMs: number
  /** Visits may take twice as long: not asked where other tests run beside. */
  readonly timed: boolean
}

/** ms of a visit, at the 50th and the 99th percentile. */
type Percentiles = readonly [number, number]

export interface SiegeReport {
  readonly before: Percentiles
  readonly during: Percentiles
  readonly open: number
  readonly findings: string[]
  readonly lives: Lives
}

const KINDS = ['idle', 'head', 'kept'] as const
type Lives = Partial<Record<(typeof KINDS)[number], { longestMs: number; ended: number }>>

/** Until the open packet is here, on a new connection. */
async function visit(cluster: Cluster, slot: number): Promise<number> {
  const began = performance.now()
  const connection = await rawConnect(cluster.port)
  connection.write(upgradeRequest(`/api/${cluster.segmentOn(slot)}/?EIO=4&transport=websocket`))
  const { status } = await connection.response()
  if (status !== 101) throw new Error(`a visitor was answered with ${status}`)
  await connection.frame()
  const ms = performance.now() - began
  connection.destroy()
  return ms
}

async function visits(cluster: Cluster, count: number): Promise<Percentiles> {
  const times: number[] = []
  let left = count
  const go = async (slot: number): Promise<void> => {
    while (left-- > 0) times.push(await visit(cluster, slot % cluster.slots))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => go(i)))
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.ceil(share * times.length) - 1]!
  return [at(0.5), at(0.99)]
}

async function ask<Answer>(child: ChildProcess, question: string): Promise<Answer> {
  child.send(question)
  const [answer] = (await within(once(child, 'message'), 20_000, 'the besiegers')) as [Answer]
  return answer
}

/** A machine has other things to do, too. */
function bestOf(rounds: readonly Percentiles[]): Percentiles {
  return rounds.reduce((best, round) => (round[1] < best[1] ? round : best))
}

/** Rounds of visits before the siege, and while it lasts; the best ones are compared. */
export async function besiege(cluster: Cluster, siege: Siege): Promise<SiegeReport> {
  const { connections, headMs, slackMs, kept } = siege
  const kinds = kept ? KINDS : KINDS.slice(0, 2)
  // The first ones of all find cold code.
  await visits(cluster, siege.visits)
  const before = bestOf([await visits(cluster, siege.visits), await visits(cluster, siege.visits)])
  const child = fork(PROGRAM, [cluster.port, connections, DRIP_MS, ...kinds].map(String), {
    execArgv: [],
    env: { PATH: process.env.PATH },
  })
  try {
    let open = 0
    const isFull = async (): Promise<boolean> => {
      open = Math.max(open, (await ask<{ open: number }>(child, 'open')).open)
      return open > 0.9 * connections
    }
    await until(isFull, 30_000, 'the siege')
    // Until those that came first are overdue.
    const end = performance.now() + (kept ? KEEP_ALIVE_MS : 0) + headMs + 500
    const rounds: Percentiles[] = []
    while (performance.now() < end || rounds.length < 2) rounds.push(await visits(cluster, siege.visits))
    await isFull()
    const during = bestOf(rounds)
    const { lives } = await ask<{ lives: Lives }>(child, 'stop')
    const findings = []
    if (siege.timed && during[1] > 2 * before[1])
      findings.push('the 99th percentile is more than twice as high')
    const allowed = { idle: headMs, head: headMs, kept: KEEP_ALIVE_MS + headMs }
    for (const kind of kinds) {
      const { longestMs, ended } = lives[kind]!
      if (ended === 0) findings.push(`${kind}: none was cut`)
      if (longestMs > allowed[kind] + slackMs) findings.push(`${kind}: one lived ${Math.round(longestMs)} ms`)
    }
    return { before, during, open, findings, lives }
  } finally {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}
