/**
 * A short conversation, over and over, cut once each time: behind every byte of every connection it makes. Of one that
 * moves, behind every byte from the moment on when the WebSocket is opened.
 */
import { type Client, type ClientOptions, connect } from '../../lib/client/index.ts'
import type { Cluster } from './cluster.ts'
import { type CutsReport, figuresOf, lossesOf, sentenceOf, sumOf } from './cuts-report.ts'
import { History } from './history.ts'
import { LoadedClient } from './load.ts'
import { type FaultProxy, type ProxyConnection, startProxy } from './proxy.ts'
import type { Random } from './seed.ts'
import { until, within } from './until.ts'

export interface SweepOptions {
  readonly client: Partial<ClientOptions>
  /** Of the clients' clocks; default 1. */
  readonly speed?: number
  /** It begins on polling and lasts until the session has moved to a WebSocket. */
  readonly moves?: boolean
  /** Every so many bytes; default 1. */
  readonly stride?: number
}

/** Conversations at a time. */
const LANES = 8
const MESSAGES = 3
const SIZES = [1, 40]
/** Of a session that moves, both ways: some must be under way on both links. */
const EVERY_MS = 10
const CALM_MS = 20_000
/** Of the conversations: their connections begin byte by byte. */
const SPLIT_SHARE = 0.1
const SPLIT_MS = 50

interface Cut {
  /** Which connection of its conversation, from 1. */
  readonly connection: number
  readonly direction: 'up' | 'down'
  readonly bytes: number
}

export async function sweep(cluster: Cluster, options: SweepOptions, random: Random): Promise<CutsReport> {
  const lanes = await Promise.all(
    Array.from({ length: LANES }, (_, i) => startLane(cluster, i % cluster.slots, options, random.fork())),
  )
  try {
    const calm = await lanes[0]!.converse(null)
    const cuts = cutsOf(calm.made, options, random)
    const reports = [calm.report]
    const work = async (lane: Lane): Promise<void> => {
      for (let cut = cuts.shift(); cut; cut = cuts.shift()) reports.push((await lane.converse(cut)).report)
    }
    await Promise.all(lanes.map(work))
    return sumOf(reports)
  } finally {
    await Promise.all(lanes.map((lane) => lane.end()))
  }
}

/** A connection, and how much had passed on those before it when it was made. */
interface Made {
  readonly connection: ProxyConnection
  readonly before: readonly { readonly up: number; readonly down: number }[]
}

/** In the order of the connections; a stride begins anywhere. */
function cutsOf(made: readonly Made[], { moves, stride = 1 }: SweepOptions, random: Random): Cut[] {
  const begins = (moves && made.find(({ connection }) => connection.upgrade)?.before) || []
  const cuts: Cut[] = []
  for (const [i, { connection }] of made.entries()) {
    for (const direction of ['up', 'down'] as const) {
      const first = (begins[i]?.[direction] ?? 0) + random.int(0, stride - 1)
      for (let bytes = first; bytes < connection[direction].passed; bytes += stride)
        cuts.push({ connection: i + 1, direction, bytes })
    }
  }
  return cuts
}

/** Conversations one after the other. */
class Lane {
  readonly #proxy: FaultProxy
  readonly #segment: string
  readonly #options: SweepOptions
  readonly #random: Random
  /** Past the proxy: no byte of a conversation is spent on asking for the server's memory. */
  readonly #asker: Client

  constructor(proxy: FaultProxy, url: string, segment: string, options: SweepOptions, random: Random) {
    this.#proxy = proxy
    this.#segment = segment
    this.#options = options
    this.#random = random
    this.#asker = connect(url, { segment })
  }

  async end(): Promise<void> {
    this.#asker.close()
    await this.#proxy.stop()
  }

  async converse(cut: Cut | null): Promise<{ report: CutsReport; made: Made[] }> {
    const proxy = this.#proxy
    const { client, speed } = this.#options
    const made: Made[] = []
    const { broken, brokenMidFrame } = proxy
    const splits = cut !== null && this.#random.chance(SPLIT_SHARE)
    proxy.rules.plan = (connection) => {
      if (splits) Object.assign(connection.rules, { segmentBytes: 1, segmentUntil: Date.now() + SPLIT_MS })
      const before = made.map(({ connection: { up, down } }) => ({ up: up.passed, down: down.passed }))
      made.push({ connection, before })
      if (cut?.connection === made.length) connection.cutAfter(cut.direction, cut.bytes)
    }
    const name = cut ? `connection ${cut.connection} ${cut.direction} byte ${cut.bytes}` : 'calm'
    const history = new History()
    const load = { everyMs: EVERY_MS, sizes: SIZES, speed, client: { ...client, segment: this.#segment } }
    const loaded = new LoadedClient(proxy.url, name, [], history, this.#random.fork(), load)
    const findings: string[] = []
    try {
      await this.#talk(loaded)
      findings.push(...history.findings().map(sentenceOf))
    } catch (error) {
      findings.push(`${name}: ${error}`)
    }
    findings.push(...lossesOf([loaded]))
    const cuts = proxy.broken - broken
    const midFrame = proxy.brokenMidFrame - brokenMidFrame
    await loaded.close()
    // Connections that are kept alive, or come late to say goodbye, are no part of the next conversation.
    proxy.rules.plan = (connection) => connection.cut()
    proxy.cutAll()
    await until(() => proxy.connections.length === 0)
    const report = { ...figuresOf([loaded]), cuts, midFrame, reissued: 0, doubled: 0, findings }
    return { report, made }
  }

  async #talk(loaded: LoadedClient): Promise<void> {
    for (let i = 0; i < MESSAGES; i++) loaded.burst()
    const answered = loaded.client.emitWithAck('burst', MESSAGES, SIZES)
    await within(answered, CALM_MS, 'the answer')
    if (!this.#options.moves) return loaded.record(this.#asker)
    await loaded.start()
    await until(() => loaded.page.carrier === 'websocket', CALM_MS, 'the move')
    await loaded.stop()
  }
}

async function startLane(
  cluster: Cluster,
  slot: number,
  options: SweepOptions,
  random: Random,
): Promise<Lane> {
  const proxy = await startProxy(cluster.port)
  return new Lane(proxy, cluster.url, cluster.segmentOn(slot), options, random)
}
