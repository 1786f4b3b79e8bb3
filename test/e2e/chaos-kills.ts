/** Who dies in a chaos, and when: in bursts, so that a death meets the recovery of the one before. */
import type { Random } from '../support/seed.ts'
import { pause, until } from '../support/until.ts'
import type { Chaos } from './chaos-run.ts'

export interface KillPlan {
  readonly kills: number
  /** Of bursts: those that begin with the primary's death, … */
  readonly primaryShare: number
  /** … of them those behind which there is another number of workers, … */
  readonly reshardShare: number
  /** … and those that meet a rolling reload. */
  readonly reloadShare: number
  readonly workersMax: number
}

export interface Killed {
  workers: number
  primaries: number
  reshards: number
  reloads: number
}

/** A slot whose processes die so often in a row, each within a second, ends the server. */
const BURST_MAX = 4
/** Lived long enough: the next death counts as the first one. */
const STABLE_MS = 1100
/** A slot that dies 20 times within a minute ends the server, too: with a burst to come, all together stay below. */
const A_MINUTE_MAX = 12
const MINUTE_MS = 60_000
/** Between two kills of a burst at most: less than a worker needs to come back. */
const SPACING_MS = 350
const RELOAD_MS = 40_000

/** Resolves when all are dead and everybody is connected again. */
export async function killAtRandom(
  chaos: Chaos,
  plan: KillPlan,
  random: Random,
  told: (what: string) => void = () => {},
): Promise<Killed> {
  const killed: Killed = { workers: 0, primaries: 0, reshards: 0, reloads: 0 }
  const done = (): number => killed.workers + killed.primaries
  let deaths: { pid: number; at: number[] } = { pid: 0, at: [] }
  for (let burst = 0; done() < plan.kills; burst++) {
    // A new primary counts anew.
    if (deaths.pid !== chaos.cluster.pid) deaths = { pid: chaos.cluster.pid, at: [] }
    const oldest = deaths.at.at(-A_MINUTE_MAX)
    if (oldest !== undefined) await pause(Math.max(0, oldest + MINUTE_MS - performance.now()))
    const size = Math.min(random.int(2, BURST_MAX), plan.kills - done())
    // The first bursts show each kind.
    const reloads = burst === 0 || random.chance(plan.reloadShare)
    const reload = reloads ? beginReload(chaos, killed) : null
    if (burst === 1 || (burst > 1 && random.chance(plan.primaryShare)))
      await killPrimary(
        chaos,
        burst === 1 || random.chance(plan.reshardShare),
        plan.workersMax,
        random,
        killed,
      )
    for (let i = 0; i < size && done() < plan.kills; i++) {
      await pause(random.int(0, SPACING_MS))
      killWorker(chaos, random, killed)
      deaths.at.push(performance.now())
    }
    await reload
    await chaos.connected()
    told(`${done()} kills, ${chaos.cluster.slots} workers${reload ? ', a reload' : ''}`)
    await pause(STABLE_MS)
  }
  return killed
}

function killWorker(chaos: Chaos, random: Random, killed: Killed): void {
  const pids = chaos.cluster.workers()
  if (pids.length === 0) return
  killed.workers += 1
  process.kill(random.pick(pids), 'SIGKILL')
}

async function killPrimary(
  chaos: Chaos,
  reshards: boolean,
  workersMax: number,
  random: Random,
  killed: Killed,
): Promise<void> {
  const { cluster } = chaos
  await chaos.welcomed()
  const others = Array.from({ length: workersMax }, (_, i) => i + 1).filter((n) => n !== cluster.slots)
  const workers = reshards ? random.pick(others) : cluster.slots
  if (reshards) killed.reshards += 1
  await kill()
  cluster.again(workers)
  if (random.chance(0.3)) {
    // In the middle of its start, whatever it is at.
    await pause(random.int(0, 500))
    await kill()
    cluster.again(workers)
  }
  await cluster.ready()

  async function kill(): Promise<void> {
    killed.primaries += 1
    await cluster.crash()
  }
}

/** Resolves when it is over, whatever became of it: who is killed meanwhile may be part of it. */
function beginReload({ cluster }: Chaos, killed: Killed): Promise<void> {
  killed.reloads += 1
  const { pid } = cluster
  const ends = (): number => cluster.stderr.split(/rolling reload (?:done|ended early)/).length
  const before = ends()
  process.kill(pid, 'SIGHUP')
  return until(() => ends() > before || cluster.pid !== pid, RELOAD_MS, 'the end of a reload')
}
