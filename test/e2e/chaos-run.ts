/**
 * A crowd under load while the processes of its server are killed: clients in both directions, members that come to
 * rooms and leave them, a network that cuts their links. Who kills is up to the caller.
 */
import { type Client, type ClientOptions, connect } from '../../lib/client/index.ts'
import { Cluster, type LogLine, steadyPort } from '../support/cluster.ts'
import { plague } from '../support/faults.ts'
import { History } from '../support/history.ts'
import { type FaultProxy, startProxy } from '../support/proxy.ts'
import { RoomViews } from '../support/room-views.ts'
import type { Random } from '../support/seed.ts'
import { pause, until, within } from '../support/until.ts'
import { ChaosClient, PATIENCE_MS } from './chaos-client.ts'
import { type Figures, RoomMember } from './rooms-member.ts'
import { linesOf, RUNS_ENV } from './runs.ts'

const TRANSPORTS: NonNullable<ClientOptions['transports']>[] = [
  ['websocket'],
  ['polling'],
  ['websocket'],
  ['websocket', 'polling'],
]
/** One member of a room does something this often. */
const ACT_MS = 60
const END_SHARE = 0.03
const PLAN = { share: 0.7, lifeMs: 4000, lifeBytes: 300_000, slowShare: 0.1, slowMs: 20 }
const OUTBOX_BYTES = 16 * 1024 * 1024

export interface ChaosOptions {
  /** Instead of apps/chaos.js. */
  readonly app?: string
  readonly workers: number
  readonly clients: number
  readonly members: number
  readonly everyMs: number
  /** Links are cut, too. */
  readonly cuts?: boolean
  readonly args?: readonly string[]
  readonly node?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Half-open links must be noticed in a short run. */
const ARGS = [
  ...['--ping-interval-ms', '1200', '--ping-timeout-ms', '1300'],
  ...['--outbox-bytes', String(OUTBOX_BYTES)],
]

const EXPECTED =
  /^worker was killed by SIGKILL$|^the last turn in the journal was not written to its end|^rolling reload ended early$/

export class Chaos {
  readonly cluster: Cluster
  readonly random: Random
  readonly history = new History()
  readonly views = new RoomViews()
  readonly figures: Figures = { joins: 0, cancelled: 0, leaves: 0, ends: 0, resumes: 0, wrong: [] }
  readonly clients: ChaosClient[] = []
  readonly rooms: readonly string[]
  readonly #options: ChaosOptions
  readonly #proxy: FaultProxy
  readonly #members: RoomMember[] = []
  #witness: Client | null = null
  #made = 0
  #acting: NodeJS.Timeout | undefined
  #heal = (): void => {}

  /** A server with its crowd, all of it welcomed. `close` it, whatever happens. */
  static async begin(options: ChaosOptions, random: Random): Promise<Chaos> {
    const cluster = await startChaosCluster(options)
    try {
      return await Chaos.join(cluster, options, random)
    } catch (error) {
      await cluster.kill()
      throw error
    }
  }

  /** A crowd for a server that runs: it `leave`s again, and the server stays. */
  static async join(cluster: Cluster, options: ChaosOptions, random: Random): Promise<Chaos> {
    const chaos = new Chaos(cluster, await startProxy(cluster.port), options, random)
    try {
      await chaos.#begin()
      return chaos
    } catch (error) {
      await chaos.leave()
      throw error
    }
  }

  private constructor(cluster: Cluster, proxy: FaultProxy, options: ChaosOptions, random: Random) {
    this.cluster = cluster
    this.random = random
    this.#options = options
    this.#proxy = proxy
    this.rooms = Array.from({ length: cluster.slots * 2 }, (_, i) => cluster.roomOn(i % cluster.slots))
  }

  get cuts(): number {
    return this.#proxy.broken
  }

  async #begin(): Promise<void> {
    const { cluster, random, rooms, views } = this
    // Not through the proxy: what it sees is the sequence that all others are judged by.
    const witness = connect(cluster.url, { ...this.#timing(0), transports: ['websocket'] })
    this.#witness = witness
    witness.on('discontinuity', ({ code }) => this.figures.wrong.push(`the witness: discontinuity ${code}`))
    witness.on('said', (room: unknown, id: unknown) => views.ordered(String(room), String(id)))
    for (const room of rooms) {
      views.published(room, 'witness', 'witness/1')
      await within(witness.emitWithAck('enter', room, 'witness/1'), PATIENCE_MS, 'the witness in its rooms')
    }
    for (let i = 0; i < this.#options.clients; i++) {
      const options = {
        ...this.#timing(i),
        transports: TRANSPORTS[i % TRANSPORTS.length]!,
        everyMs: this.#options.everyMs,
        room: rooms[i % rooms.length]!,
      }
      const url = this.#options.cuts ? this.#proxy.url : cluster.url
      this.clients.push(new ChaosClient(url, `c${i}`, options, this.history, views, random.fork()))
    }
    await Promise.all(this.clients.map((client) => client.start()))
    const own = random.fork()
    if (this.#options.cuts) this.#heal = plague(this.#proxy, random.fork(), PLAN)
    if (this.#options.members > 0) this.#acting = setInterval(() => this.#act(own), ACT_MS)
  }

  #timing(slot: number): ClientOptions {
    return {
      segment: this.cluster.segmentOn(slot % this.cluster.slots),
      outboxBytes: OUTBOX_BYTES,
      reconnectDelayMs: 20,
      reconnectDelayMaxMs: 200,
      connectTimeoutMs: 3000,
    }
  }

  #act(random: Random): void {
    if (this.#members.length < this.#options.members) {
      this.#members.push(this.#newMember(random))
      return
    }
    const i = random.int(0, this.#members.length - 1)
    const member = this.#members[i]!
    if (member.client.state === 'closed') this.#members[i] = this.#newMember(random)
    else if (random.chance(END_SHARE)) member.end()
    else member.act(this.rooms, random)
  }

  #newMember(random: Random): RoomMember {
    const options = { ...this.#timing(this.#made), transports: random.pick(TRANSPORTS) }
    this.#made += 1
    const url = this.#options.cuts ? this.#proxy.url : this.cluster.url
    const member = new RoomMember(url, `m${this.#made}`, options, this.views, this.figures)
    member.act(this.rooms, random)
    return member
  }

  /** Each session has a message that was handled: one without may be given up after 10 s without a link. */
  async welcomed(): Promise<void> {
    const clients = this.#members.map(({ client }) => client).filter(({ state }) => state !== 'closed')
    await within(Promise.all(clients.map((client) => client.settled())), PATIENCE_MS, 'all that was sent')
  }

  /** Everybody has been connected since, if only for a while: cuts go on. */
  async connected(): Promise<void> {
    const away = new Set([this.#witness!, ...this.clients.map(({ client }) => client)])
    const noneAway = (): boolean => {
      for (const client of away) if (client.state === 'connected') away.delete(client)
      return away.size === 0
    }
    await until(noneAway, PATIENCE_MS, 'all clients connected').catch((error: Error) => {
      const states = [...away].map(({ id, state }) => `${id} is ${state}`)
      throw new Error(`${error.message}: ${states.join(', ')}`)
    })
  }

  /** The load ends; resolves when nothing is on its way any more, with all that must not have happened. */
  async judge(): Promise<string[]> {
    const { history, views, figures } = this
    this.#heal()
    clearInterval(this.#acting)
    const stopped = await Promise.allSettled(this.clients.map((client) => client.stop()))
    const late = stopped.flatMap((outcome) =>
      outcome.status === 'rejected' ? [(outcome.reason as Error).message] : [],
    )
    const quiet = (): boolean => this.#members.every((member) => member.quiet) && views.complete()
    await until(quiet, PATIENCE_MS, 'quiet').catch((error: Error) => late.push(error.message))
    // What comes now came twice, or to somebody who is not in.
    await pause(200)
    await this.#countMembers().catch((error: Error) => late.push(error.message))
    return [
      ...late,
      ...figures.wrong,
      ...this.clients.flatMap(({ wrong }) => wrong),
      ...history.findings().map(({ kind, stream, message }) => `${kind}: ${message} of ${stream}`),
      ...views.findings().map(({ kind, room, message, by }) => `${kind}: ${message} in ${room}, by ${by}`),
      ...wrongRuns(this.cluster),
    ]
  }

  /** After quiet each home's members are those who are in. */
  async #countMembers(): Promise<void> {
    const ids = new Map([
      ...this.clients.map(({ name, client }) => [name, client.id] as const),
      ...this.#members.map(({ name, client }) => [name, client.id] as const),
    ])
    for (const room of this.rooms) {
      const expected = [this.#witness!.id, ...this.views.membersOf(room).map((name) => ids.get(name))].sort()
      const asked = this.#witness!.emitWithAck('members', room) as Promise<string[]>
      const members = (await within(asked, PATIENCE_MS, 'the members')).sort()
      if (members.length !== expected.length || members.some((id, i) => id !== expected[i]))
        this.figures.wrong.push(`${room} has ${members.length} members instead of ${expected.length}`)
    }
  }

  totals(): string {
    const { sent, received } = this.history.totals()
    const { published, deliveries, stays } = this.views.totals()
    const { joins, ends } = this.figures
    const suspends = this.clients.reduce((sum, client) => sum + client.suspends, 0)
    return (
      `${sent} sent, ${received} received, ${published} published, ${deliveries} delivered in rooms, ` +
      `${stays} stays (${joins} joins, ${ends} ends), ${suspends} suspends, ${this.cuts} cuts`
    )
  }

  /** Stops the server, too; throws where that is not in order. */
  async close(): Promise<void> {
    await this.leave()
    await this.cluster.stop()
  }

  async leave(): Promise<void> {
    this.#heal()
    clearInterval(this.#acting)
    for (const client of this.clients) client.close()
    for (const { client } of this.#members) client.close()
    this.#witness?.close()
    await this.#proxy.stop()
  }
}

/** What a server complains of that is no death, and no trace of one. */
export function unexpected(complaints: readonly LogLine[]): LogLine[] {
  // A worker whose primary dies while Node starts it ends with a trace on stderr, before a line of ours has run.
  return complaints.filter(({ level, msg }) => level !== 0 && !EXPECTED.test(msg))
}

export async function startChaosCluster({
  app = 'chaos',
  workers,
  args = [],
  node,
  env,
}: ChaosOptions): Promise<Cluster> {
  const cluster = new Cluster({
    app,
    workers,
    port: await steadyPort(),
    args: [...ARGS, ...args],
    env: { ...env, ...RUNS_ENV },
    ...(node && { node }),
  })
  try {
    await cluster.ready()
    return cluster
  } catch (error) {
    await cluster.kill()
    throw error
  }
}

/** A handler that runs again is told so, and is told the same name of the same message. */
function wrongRuns(cluster: Cluster): string[] {
  const wrong: string[] = []
  const before = new Map<string, string>()
  for (const line of linesOf(cluster)) {
    const [id, what, number, which] = line.split(' ')
    const message = `${what} ${number}`
    const known = before.get(id!)
    if (known !== undefined && which !== 'again') wrong.push(`${id} ran twice and was not told so`)
    if (known !== undefined && known !== message) wrong.push(`${id} was ${known} and is ${message}`)
    before.set(id!, message)
  }
  const names = new Map<string, string>()
  for (const [id, message] of before) {
    const name = `${id.split(':')[0]} ${message}`
    if (names.has(name)) wrong.push(`${message} has two ids: ${names.get(name)}, ${id}`)
    names.set(name, id)
  }
  return wrong
}
