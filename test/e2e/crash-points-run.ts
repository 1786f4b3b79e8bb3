/** Processes that kill themselves at named points, under load. */
import {
  type CrashPoint,
  type CrashPoints,
  DEALING_POINTS,
  LOAD_POINTS,
  RECOVERY_POINTS,
} from '../support/crash-points.ts'
import type { Random } from '../support/seed.ts'
import type { Chaos } from './chaos-run.ts'

/** Deaths of workers between two starts of the server: more in a row end it. */
const WORKER_DEATHS = 3
/** What comes before the passage that is the last one. */
const PASSAGES_MAX = 20

/** All points once, in an order of their own; each start with another number of workers comes after some deaths. */
export async function dieAtEachPoint(
  chaos: Chaos,
  points: CrashPoints,
  random: Random,
  told: (point: CrashPoint) => void = () => {},
): Promise<void> {
  const workers = [...shuffled(LOAD_POINTS, random), ...shuffled(RECOVERY_POINTS, random)]
  for (const dealing of shuffled(DEALING_POINTS, random)) {
    for (const point of workers.splice(0, WORKER_DEATHS)) {
      await dieAt(chaos, points, point, random)
      await chaos.connected()
      told(point)
    }
    await dieWhileDealing(chaos, points, dealing)
    await chaos.connected()
    told(dealing)
  }
  if (workers.length > 0) throw new Error(`points left: ${workers}`)
}

async function dieAt(chaos: Chaos, points: CrashPoints, point: CrashPoint, random: Random): Promise<void> {
  const recovers = point.startsWith('recovery')
  points.arm(point, recovers ? 1 : random.int(1, PASSAGES_MAX))
  if (recovers) process.kill(random.pick(chaos.cluster.workers()), 'SIGKILL')
  await points.fired(point)
}

/** Between 2 and 3 workers and back. The start fails, or dies; the next one goes on from there. */
async function dieWhileDealing(chaos: Chaos, points: CrashPoints, point: CrashPoint): Promise<void> {
  const { cluster } = chaos
  await chaos.welcomed()
  await cluster.crash()
  points.arm(point, 1)
  cluster.again(cluster.slots === 2 ? 3 : 2)
  await cluster.ready().then(
    () => {
      throw new Error(`the server started in spite of ${point}`)
    },
    () => {},
  )
  await points.fired(point)
  cluster.again()
  await cluster.ready()
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items]
  return items.map(() => left.splice(random.int(0, left.length - 1), 1)[0]!)
}
