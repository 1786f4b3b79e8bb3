/**
 * Real rooms: publishers and witnesses on all workers, a crowd that joins and leaves at random, and a network that cuts
 * their links.
 */
import { type Client, type ClientOptions, connect } from '../../lib/client/index.ts'
import type { Cluster } from '../support/cluster.ts'
import { plague } from '../support/faults.ts'
import { type FaultProxy, startProxy } from '../support/proxy.ts'
import { RoomViews } from '../support/room-views.ts'
import type { Random } from '../support/seed.ts'
import { pause, until } from '../support/until.ts'
import { type Figures, RoomMember } from './rooms-member.ts'

const PUBLISHERS = 8
const MEMBERS = 100
/** As many for each worker to be the home of. */
const ROOMS_PER_WORKER = 2
const PUBLISH_MS = 200
/** One member does something this often. */
const ACT_MS = 15
/** Of what members do: the session ends and another client takes its place. */
const END_SHARE = 0.03
const CALM_MS = 10_000
/** Most by WebSocket: a poll costs ten times as much here. */
const TRANSPORTS: NonNullable<ClientOptions['transports']>[] = [
  ...Array.from({ length: 16 }, () => ['websocket'] as const),
  ['polling'],
  ['websocket', 'polling'],
]
/** One that lives long still feels the faults; one that is cut at once learns nothing of rooms. */
const PLAN = { share: 0.9, lifeMs: 3000, lifeBytes: 30_000, slowShare: 0.1, slowMs: 20 }
const OUTBOX_BYTES = 8 * 1024 * 1024

/** Half-open links must be noticed in a short run. */
export const ROOMS_CLUSTER = {
  app: 'rooms',
  workers: 4,
  args: [
    ...['--ping-interval-ms', '1200', '--ping-timeout-ms', '1300'],
    ...['--outbox-bytes', String(OUTBOX_BYTES)],
  ],
}

export interface RoomsReport extends Omit<Figures, 'wrong'> {
  readonly publishes: number
  readonly deliveries: number
  readonly cuts: number
  readonly findings: string[]
}

class Run {
  readonly history = new RoomViews()
  readonly figures: Figures = { joins: 0, cancelled: 0, leaves: 0, ends: 0, resumes: 0, wrong: [] }
  readonly rooms: readonly string[]
  readonly publishers: Client[]
  readonly #witness: Client
  readonly #cluster: Cluster
  readonly #proxy: FaultProxy
  readonly #random: Random
  readonly #members: RoomMember[] = []
  #made = 0

  constructor(cluster: Cluster, proxy: FaultProxy, random: Random) {
    this.#cluster = cluster
    this.#proxy = proxy
    this.#random = random
    this.rooms = Array.from({ length: cluster.slots * ROOMS_PER_WORKER }, (_, i) =>
      cluster.roomOn(i % cluster.slots),
    )
    this.publishers = Array.from({ length: PUBLISHERS }, (_, i) =>
      connect(proxy.url, this.#options(i % cluster.slots)),
    )
    for (const publisher of this.publishers) this.#mustLive(publisher, 'a publisher')
    // Not through the proxy: what it sees is the sequence that all others are judged by.
    this.#witness = connect(cluster.url, { segment: cluster.segmentOn(0) })
    this.#mustLive(this.#witness, 'the witness')
  }

  async begin(): Promise<void> {
    const witness = this.#witness
    witness.on('said', (room: unknown, id: unknown) => this.history.ordered(String(room), String(id)))
    const entered = new Set<unknown>()
    witness.on('entered', (room: unknown) => entered.add(room))
    for (const room of this.rooms) {
      this.history.published(room, 'witness', 'witness/1')
      witness.emit('enter', room, 'witness/1')
    }
    await until(() => entered.size === this.rooms.length, CALM_MS, 'the witness in all rooms')
  }

  /** Until it is called off. */
  load(): () => void {
    const random = this.#random.fork()
    const publishing = this.publishers.map((publisher, p) => {
      let n = 0
      return setInterval(() => {
        n += 1
        const room = random.pick(this.rooms)
        const id = `p${p}/${n}`
        this.history.published(room, `p${p}`, id)
        // Now and then one of several segments.
        publisher.emit('say', room, id, 'x'.repeat(random.chance(0.05) ? random.int(0, 6000) : 20))
      }, PUBLISH_MS)
    })
    const acting = setInterval(() => this.#act(random), ACT_MS)
    return () => {
      for (const timer of [...publishing, acting]) clearInterval(timer)
    }
  }

  #act(random: Random): void {
    if (this.#members.length < MEMBERS) {
      this.#members.push(this.#newMember())
      return
    }
    const i = random.int(0, MEMBERS - 1)
    const member = this.#members[i]!
    if (member.client.state === 'closed') this.#members[i] = this.#newMember()
    else if (random.chance(END_SHARE)) member.end()
    else member.act(this.rooms, random)
  }

  /** Resolves when nothing is on its way any more, or is late; what is late is a finding. */
  async calm(): Promise<void> {
    const { history } = this
    let settled = false
    void Promise.all(this.publishers.map((publisher) => publisher.settled())).then((handled) => {
      settled = true
      if (!handled.every(Boolean)) this.figures.wrong.push('a publisher lost what it said')
    })
    const quiet = (): boolean =>
      settled && this.#members.every((member) => member.quiet) && history.complete()
    await until(quiet, CALM_MS, 'quiet').catch((error: Error) => this.figures.wrong.push(error.message))
    // What comes now came twice, or to somebody who is not in.
    await pause(300)
  }

  /** After quiet each home's members are those who are in, and the witness. */
  async count(): Promise<void> {
    for (const room of this.rooms) {
      const names = new Set(this.history.membersOf(room))
      const inside = this.#members.filter(({ name }) => names.has(name)).map(({ client }) => client.id)
      const expected = [...inside, this.#witness.id].sort()
      const reply = (await this.#witness.emitWithAck('members', room)) as { count: number; ids: string[] }
      const same =
        reply.ids.length === expected.length && reply.ids.sort().every((id, i) => id === expected[i])
      if (reply.count !== expected.length || !same)
        this.figures.wrong.push(
          `${room} counts ${reply.count}, ${reply.ids.length} ids, of ${expected.length}`,
        )
    }
  }

  async close(): Promise<void> {
    const clients = [this.#witness, ...this.publishers, ...this.#members.map(({ client }) => client)]
    for (const client of clients) client.close()
    await until(() => clients.every(({ state }) => state === 'closed'))
  }

  #newMember(): RoomMember {
    const random = this.#random
    const slot = this.#made % this.#cluster.slots
    const options = { ...this.#options(slot), transports: random.pick(TRANSPORTS) }
    this.#made += 1
    const member = new RoomMember(this.#proxy.url, `m${this.#made}`, options, this.history, this.figures)
    // At once: a session with neither room nor message would be given up after 10 s without a link.
    member.act(this.rooms, random)
    return member
  }

  #options(slot: number): ClientOptions {
    const segment = this.#cluster.segmentOn(slot)
    return {
      segment,
      transports: ['websocket'],
      reconnectDelayMs: 30,
      reconnectDelayMaxMs: 300,
      connectTimeoutMs: 4000,
    }
  }

  #mustLive(client: Client, what: string): void {
    client.on('resume', () => {
      this.figures.resumes += 1
    })
    client.on('discontinuity', ({ code }) => this.figures.wrong.push(`${what}: discontinuity ${code}`))
  }
}

/** @param cluster of ROOMS_CLUSTER; the caller stops it */
export async function runRooms(cluster: Cluster, seconds: number, random: Random): Promise<RoomsReport> {
  const proxy = await startProxy(cluster.port)
  const run = new Run(cluster, proxy, random)
  let heal = (): void => {}
  try {
    heal = plague(proxy, random.fork(), PLAN)
    await run.begin()
    const stopLoad = run.load()
    await pause(seconds * 1000)
    const cuts = proxy.broken
    stopLoad()
    heal()
    await run.calm()
    await run.count()
    const { wrong, ...figures } = run.figures
    const { published: publishes, deliveries } = run.history.totals()
    const findings = run.history
      .findings()
      .map(({ kind, room, message, by }) => `${kind}: ${message} in ${room}, by ${by}`)
    const complaints = cluster.complaints().map((line) => JSON.stringify(line))
    return { ...figures, publishes, deliveries, cuts, findings: [...wrong, ...findings, ...complaints] }
  } finally {
    heal()
    await run.close()
    await proxy.stop()
  }
}
