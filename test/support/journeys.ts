/** The three ways a session travels, and what is done to each: for `npm test` in small, for `npm run faults` in full. */
import type { Test } from 'tap'
import type { ClientOptions } from '../../lib/client/index.ts'
import { type CutsOptions, surviveCuts } from './cuts.ts'
import { type CutsReport, withCluster } from './cuts-report.ts'
import { type Random, seeded } from './seed.ts'
import { type SweepOptions, sweep } from './sweep.ts'

/** Of a client that moves: a second on polling is 0.1 s then. */
const SPEED = 10
/** Longer than a half-open link lives, in our time. */
const CONNECT_MS = 2000

/** Slow ones are many: messages must be under way on an old link while the new one says hello. */
const PLAN = {
  ...{ share: 1, lifeMs: 500, lifeBytes: 200_000 },
  ...{ slowShare: 0.4, slowMs: 60, stallShare: 0.1, doubleShare: 0.1 },
}

type Only = Pick<ClientOptions, 'transports' | 'connectTimeoutMs'>
const only = (...transports: ('websocket' | 'polling')[]): Only => ({
  transports,
  connectTimeoutMs: CONNECT_MS,
})

interface Journey {
  readonly random: Pick<CutsOptions, 'plan' | 'client' | 'reissueShare' | 'speed' | 'everyMs' | 'upgrades'>
  readonly sweep: SweepOptions
}

const JOURNEYS = {
  websocket: {
    random: { plan: PLAN, everyMs: 50, client: only('websocket') },
    sweep: { client: only('websocket') },
  },
  polling: {
    // A message is a request there.
    random: { plan: { ...PLAN, lifeMs: 350 }, everyMs: 100, reissueShare: 0.2, client: only('polling') },
    sweep: { client: only('polling') },
  },
  moves: {
    random: {
      plan: { ...PLAN, share: 0.9, lifeMs: 1000, lifeBytes: 300_000, slowShare: 0.8, slowMs: 80 },
      everyMs: 70,
      reissueShare: 0.1,
      upgrades: ['pass', 'pass', 'answer', 'swallow'],
      speed: SPEED,
      client: { connectTimeoutMs: SPEED * 500 },
    },
    sweep: {
      moves: true,
      speed: SPEED,
      client: { transports: ['polling', 'websocket'], connectTimeoutMs: SPEED * CONNECT_MS },
    },
  },
} satisfies Record<string, Journey>

export type JourneyName = keyof typeof JOURNEYS

export interface Amount {
  /** Bytes between two cuts of the short conversation. */
  readonly stride: number
  /** At random, under load. */
  readonly clients: number
  readonly cuts: number
  readonly limitMs: number
}

export interface Travelled {
  readonly counted: CutsReport
  readonly atRandom: CutsReport
  /** In the cluster, after both. */
  readonly findings: readonly string[]
}

/** First cuts behind counted bytes, then cuts at random. */
export async function travel(
  name: JourneyName,
  { stride, ...amount }: Amount,
  random: Random,
): Promise<Travelled> {
  const journey: Journey = JOURNEYS[name]
  const { value, findings } = await withCluster(async (cluster) => ({
    counted: await sweep(cluster, { ...journey.sweep, stride }, random.fork()),
    atRandom: await surviveCuts(cluster, { ...journey.random, ...amount }, random.fork()),
  }))
  return { ...value, findings }
}

/** The same as a test: nothing lost, doubled, reordered, altered; every send settled, no session lost, nothing left. */
export async function prove(t: Test, name: JourneyName, amount: Amount): Promise<Travelled> {
  const travelled = await travel(name, amount, seeded(t))
  const { counted, atRandom, findings } = travelled
  for (const { findings: _, ...figures } of [counted, atRandom]) t.comment(JSON.stringify(figures))
  t.same(counted.findings, [], 'cuts behind counted bytes')
  t.same(atRandom.findings, [], 'cuts at random')
  t.same(findings, [], 'the cluster: no complaint, no dead worker, no descriptor left')
  t.ok(counted.midFrame + atRandom.midFrame > 20, 'they hit messages')
  t.ok(atRandom.up >= amount.cuts && atRandom.down >= amount.cuts, 'both directions were loaded')
  return travelled
}
