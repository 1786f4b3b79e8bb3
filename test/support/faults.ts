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
}

/** From now on the proxy's connections end as the seed says; call what it returns to have peace. */
export function plague(proxy: FaultProxy, random: Random, plan: FaultPlan): () => void {
  const timers = new Set<NodeJS.Timeout>()
  const later = (ms: number, act: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, ms)
    timers.add(timer)
  }
  const { slowShare = 0.2, slowMs = 30 } = plan
  proxy.rules.plan = (connection) => {
    const own = random.fork()
    // These hold from the next connection on.
    proxy.rules.segmentBytes = own.chance(0.2) ? own.int(1, 200) : 0
    proxy.rules.delayMs = own.chance(slowShare) ? own.int(1, slowMs) : 0
    if (own.chance(plan.share)) planEnd(connection, own, plan, later)
  }
  return () => {
    proxy.rules.plan = null
    proxy.rules.segmentBytes = 0
    proxy.rules.delayMs = 0
    for (const timer of timers) clearTimeout(timer)
  }
}

function planEnd(
  connection: ProxyConnection,
  random: Random,
  { lifeMs, lifeBytes }: FaultPlan,
  later: (ms: number, act: () => void) => void,
): void {
  // Small numbers are as likely as large ones: most mistakes live at the beginning.
  const bytes = Math.floor(lifeBytes ** random.next())
  const ms = random.int(0, lifeMs)
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
