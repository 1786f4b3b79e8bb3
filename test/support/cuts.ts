/** Clients under load in both directions while their connections are cut at random. */
import type { ClientOptions } from '../../lib/client/index.ts'
import { type Balancer, startBalancer } from './balancer.ts'
import type { Cluster } from './cluster.ts'
import { type CutsReport, figuresOf, lossesOf, OUTBOX_BYTES, sentenceOf } from './cuts-report.ts'
import { type FaultPlan, plague } from './faults.ts'
import { History } from './history.ts'
import { LoadedClient } from './load.ts'
import { type FaultProxy, startProxy } from './proxy.ts'
import type { Random } from './seed.ts'
import { pause, until } from './until.ts'

export interface CutsOptions {
  readonly clients: number
  readonly cuts: number
  /** By then the cuts must have happened, as many messages each way, and a resume per client. */
  readonly limitMs: number
  readonly plan: FaultPlan
  /** Share of the requests that a balancer sends twice; absent: no balancer. */
  readonly reissueShare?: number
  readonly client: Partial<ClientOptions>
  /** Of the clients' clocks; default 1. */
  readonly speed?: number
  /** A client sends this often, and gets as much. */
  readonly everyMs: number
  /** What WebSockets meet, now and then another; default: they pass. */
  readonly upgrades?: readonly FaultProxy['rules']['upgrades'][]
}

/** One client's page hears of its network this often. */
const PAGE_MS = 40
const UPGRADES_MS = 700
/** Of each worker's sessions one is in neither room. */
const ROOMS = ['one', undefined, 'two', 'one']

export async function surviveCuts(
  cluster: Cluster,
  options: CutsOptions,
  random: Random,
): Promise<CutsReport> {
  const { reissueShare = 0 } = options
  const balancer = reissueShare > 0 ? await startBalancer(cluster.port, random.fork()) : null
  const proxy = await startProxy(balancer?.port ?? cluster.port)
  const history = new History()
  const clients = crowd(cluster, proxy, history, random, options)
  const findings: string[] = []
  try {
    await load(clients, { proxy, balancer, history, random, options })
    findings.push(...history.findings().map(sentenceOf))
  } catch (error) {
    // The server's memory is missing: the history would blame what it does not know.
    findings.push(String(error))
  }
  const { broken: cuts, brokenMidFrame: midFrame, doubled } = proxy
  await Promise.all(clients.map((client) => client.close()))
  await proxy.stop()
  await balancer?.stop()
  findings.push(...lossesOf(clients))
  return { ...figuresOf(clients), cuts, midFrame, doubled, reissued: balancer?.reissued ?? 0, findings }
}

function crowd(
  cluster: Cluster,
  proxy: FaultProxy,
  history: History,
  random: Random,
  { clients: count, client, speed, everyMs }: CutsOptions,
): LoadedClient[] {
  const names = Array.from({ length: count }, (_, i) => `c${i}`)
  const roomOf = (i: number): string | undefined => ROOMS[Math.floor(i / cluster.slots) % ROOMS.length]
  return names.map((name, i) => {
    const room = roomOf(i)
    const peers = names.filter((_, j) => roomOf(j) === room)
    const segment = cluster.segmentOn(i % cluster.slots)
    return new LoadedClient(proxy.url, name, peers, history, random.fork(), {
      everyMs,
      room,
      speed,
      client: { outboxBytes: OUTBOX_BYTES, ...client, segment },
    })
  })
}

interface Field {
  readonly proxy: FaultProxy
  readonly balancer: Balancer | null
  readonly history: History
  readonly random: Random
  readonly options: CutsOptions
}

async function load(
  clients: readonly LoadedClient[],
  { proxy, balancer, history, random, options }: Field,
): Promise<void> {
  // Nobody publishes before all are members: then each member must see all.
  await Promise.all(clients.map((client) => client.enter()))
  await Promise.all(clients.map((client) => client.start()))
  const heal = plague(proxy, random, options.plan)
  if (balancer) balancer.share = options.reissueShare ?? 0
  const timers = [setInterval(() => disturb(random.pick(clients), random), PAGE_MS)]
  const { upgrades } = options
  if (upgrades) timers.push(setInterval(() => turn(proxy, random.pick(upgrades)), UPGRADES_MS))
  try {
    // The connections of the calm time before have no end of their own.
    proxy.cutAll()
    const enough = (): boolean => {
      const { up, down, resumes } = figuresOf(clients)
      return proxy.broken >= options.cuts && Math.min(up, down) >= options.cuts && resumes >= clients.length
    }
    await until(enough, options.limitMs, `${options.cuts} cuts`)
  } finally {
    for (const timer of timers) clearInterval(timer)
    proxy.rules.upgrades = 'pass'
    if (balancer) balancer.share = 0
    heal()
  }
  await Promise.all(clients.map((client) => client.stop()))
  // Room messages may still be on their way from other workers when their publishers have stopped.
  await until(() => history.complete(), 5000).catch(() => {})
  await pause(100)
}

/** Its network changes: a second link takes over while the first is alive; or it is away for a moment. */
function disturb({ page }: LoadedClient, random: Random): void {
  if (random.chance(0.2)) page.tell('offline')
  setTimeout(() => page.tell('online'), random.int(0, 60))
}

/** A network that lets WebSockets pass, refuses them, or says nothing at all; those that were open die. */
function turn(proxy: FaultProxy, upgrades: FaultProxy['rules']['upgrades']): void {
  proxy.rules.upgrades = upgrades
  if (upgrades === 'pass') return
  for (const connection of proxy.connections) if (connection.upgrade) connection.cut()
}
