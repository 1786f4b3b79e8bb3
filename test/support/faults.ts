/** Random ends for the connections of a proxy: what a day on a train does to them, in seconds. */
import type { FaultProxy, ProxyConnection } from './proxy.ts'
import type { Random } from './seed.ts'

export interface FaultPlan {
  /** Connections that end by a fault; the others live as long as their ends want. */
  readonly share: number
  /** How long a connection lives at most, where time ends it. */
  readonly lifeMs: number
  /** Bytes that pass at most, where they end it. */
  readonly lifeBytes: number
  /** Connections that are slow, and by how much at most; default a fifth, 30 ms. */
  readonly slowShare?: number
  readonly slowMs?: number
  /** Connections one direction of which stands still for a while and then goes on; default none. */
  readonly stallShare?: number
  /** Connections whose beginning is said twice; default none. */
  readonly doubleShare?: number
}

type Later = (ms: number, act: () => void) => void

const STALL_MS = 150
const SPLIT_MS = 200
const DOUBLE_MS = 400

/** From now on the proxy's connections end as the seed says; call what it returns to have peace. */
export function plague(proxy: FaultProxy, random: Random, plan: FaultPlan): () => void {
  const timers = new Set<NodeJS.Timeout>()
  const later: Later = (ms, act) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, ms)
    timers.add(timer)
  }
  proxy.rules.plan = (connection) => {
    const own = random.fork()
    planPace(connection, own, plan, later)
    if (own.chance(plan.doubleShare ?? 0)) proxy.double(connection, Math.floor(DOUBLE_MS * own.next() ** 2))
    if (own.chance(plan.share)) planEnd(connection, own, plan, later)
  }
  return () => {
    proxy.rules.plan = null
    for (const timer of timers) clearTimeout(timer)
    for (const connection of proxy.connections) {
      connection.release()
      Object.assign(connection.rules, { segmentBytes: 0, delayMs: 0 })
    }
  }
}

function planPace(connection: ProxyConnection, random: Random, plan: FaultPlan, later: Later): void {
  const { slowShare = 0.2, slowMs = 30, stallShare = 0 } = plan
  const { rules } = connection
  rules.segmentUntil = Date.now() + SPLIT_MS
  if (random.chance(0.2)) rules.segmentBytes = random.chance(0.3) ? 1 : random.int(2, 200)
  if (random.chance(slowShare)) rules.delayMs = random.int(1, slowMs)
  if (!random.chance(stallShare)) return
  const direction = random.pick(['up', 'down'] as const)
  later(random.int(0, STALL_MS), () => {
    connection.stall(direction)
    later(random.int(1, STALL_MS), () => connection.release(direction))
  })
}

function planEnd(connection: ProxyConnection, random: Random, plan: FaultPlan, later: Later): void {
  // Small numbers are as likely as large ones: most mistakes live at the beginning.
  const bytes = Math.floor(plan.lifeBytes ** random.next())
  const ms = random.int(0, plan.lifeMs)
  const ending = random.int(0, 5)
  if (ending < 2) connection.cutAfter('up', bytes)
  else if (ending < 4) connection.cutAfter('down', bytes)
  else if (ending === 4) later(ms, () => connection.cut(random.chance(0.5) ? 'rst' : 'fin'))
  else
    later(ms, () => {
      // One direction first: the other end goes on believing.
      if (random.chance(0.5)) connection.stall(random.chance(0.5) ? 'up' : 'down')
      later(50, () => connection.blackhole())
    })
}
