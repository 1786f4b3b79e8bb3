/**
 * `node --import=tsx test/e2e/slow-reader.ts --members 500 --rate 40 --seconds 5 --rounds 4`: latencies in a room while
 * nobody, and while one of its members does not read, in turns; and what the worker holds for that one.
 */
import { parseArgs } from 'node:util'
import { Cluster } from '../support/cluster.ts'
import { type LightMember, openMember } from '../support/light-member.ts'
import { PeerSession } from '../support/peer.ts'
import { openPoller } from '../support/poller.ts'
import { rawConnect, request } from '../support/raw.ts'
import { pause, until } from '../support/until.ts'

const OUTBOX_BYTES = 8 * 1024 * 1024
const ROOM = 'room'
const TEXT = 'x'.repeat(200)
/** Of a room message here, about. */
const MESSAGE_BYTES = 230
const FILL_BYTES = 64 * 1024
const KINDS = ['nobody', 'websocket', 'nobody', 'polling'] as const
type Kind = (typeof KINDS)[number]

interface Memory {
  readonly held: number
  readonly queued: number
}

interface Stopped {
  readonly id: string
  end(): void
}

/** Latencies in buckets of 20 µs, up to 1 s. */
class Latencies {
  readonly #buckets = new Uint32Array(50_000)
  count = 0

  add(ms: number): void {
    this.#buckets[Math.max(0, Math.min(this.#buckets.length - 1, Math.floor(ms * 50)))]! += 1
    this.count += 1
  }

  merge(other: Latencies): void {
    for (const [i, n] of other.#buckets.entries()) this.#buckets[i]! += n
    this.count += other.count
  }

  /** In ms. */
  quantile(q: number): number {
    let below = 0
    let i = 0
    while (below < this.count * q) below += this.#buckets[i++]!
    return i / 50
  }
}

class Hall {
  readonly #cluster: Cluster
  readonly #members: LightMember[] = []
  #latencies = new Latencies()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Shares the worker with whoever stops. */
  get #control(): LightMember {
    return this.#members[0]!
  }

  async begin(members: number): Promise<void> {
    for (let i = 0; i < members; i++) {
      const member = await openMember(this.#cluster.port, this.#cluster.segmentOn(i % this.#cluster.slots))
      member.onFrame = (frame) => {
        // e["said",<when>,"…
        if (frame.startsWith('e["said"'))
          this.#latencies.add(performance.now() - Number.parseFloat(frame.slice(9)))
      }
      await member.ask('enter', ROOM)
      this.#members.push(member)
    }
  }

  async memory(): Promise<Memory> {
    return (await this.#control.ask('memory')) as Memory
  }

  async round(seconds: number, rate: number): Promise<Latencies> {
    const latencies = new Latencies()
    this.#latencies = latencies
    let said = 0
    const began = performance.now()
    // Also when the timer was late, so that each round has as many.
    while (said < seconds * rate) {
      for (; said < Math.min(seconds * rate, ((performance.now() - began) / 1000) * rate); said++)
        this.#members[said % this.#members.length]!.emit('say', ROOM, performance.now(), TEXT)
      await pause(2)
    }
    await until(() => latencies.count === said * this.#members.length, 10_000, 'all deliveries')
    return latencies
  }

  /** @param roomBytes what its outbox takes until it overflows */
  async stop(kind: Exclude<Kind, 'nobody'>, roomBytes: number): Promise<Stopped> {
    const stopped = kind === 'websocket' ? await this.#stopWebSocket() : await this.#stopPolling()
    const bytes = OUTBOX_BYTES - roomBytes
    for (let left = bytes; left > 0; left -= FILL_BYTES)
      await this.#control.ask('fill', stopped.id, 1, Math.min(left, FILL_BYTES) - 20)
    await pause(500)
    return stopped
  }

  /** null while it has not ended. */
  async endOf({ id }: Stopped): Promise<unknown> {
    return this.#control.ask('end of', id)
  }

  async #stopWebSocket(): Promise<Stopped> {
    const slow = await openMember(this.#cluster.port, this.#cluster.segmentOn(0))
    await slow.ask('enter', ROOM)
    slow.socket.pause()
    return { id: slow.id, end: () => slow.socket.destroy() }
  }

  async #stopPolling(): Promise<Stopped> {
    const { port } = this.#cluster
    const session = new PeerSession(this.#cluster.segmentOn(0))
    const poller = await openPoller(port, session)
    await poller.enter()
    await poller.ask('enter', ROOM)
    const poll = await rawConnect(port)
    poll.write(request(`/api/${session.segment}/?EIO=4&transport=polling&limpet=1&sid=${poller.sid}`))
    poll.socket.pause()
    const end = (): void => {
      poll.destroy()
      poller.cut()
    }
    return { id: session.id!, end }
  }

  close(): void {
    for (const { socket } of this.#members) socket.destroy()
  }
}

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '500' },
    rate: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '4' },
  },
})
const [members, rate, seconds, rounds] = [values.members, values.rate, values.seconds, values.rounds].map(
  Number,
) as [number, number, number, number]

const mb = (bytes: number): string => (bytes / 1024 / 1024).toFixed(2)
const all = new Map<Kind, Latencies>(KINDS.map((kind) => [kind, new Latencies()]))
/** Of each round, in order. */
const p99s: { readonly kind: Kind; readonly p99: number }[] = []
const cluster = new Cluster({ app: 'rooms-slow', args: ['--outbox-bytes', String(OUTBOX_BYTES)] })
try {
  await cluster.ready()
  const hall = new Hall(cluster)
  await hall.begin(members)
  await hall.round(seconds, rate)
  for (const kind of Array.from({ length: rounds }, () => KINDS).flat()) {
    const before = await hall.memory()
    // It stands full for the first half of the round, and ends in the middle of it.
    const stopped = kind === 'nobody' ? null : await hall.stop(kind, (seconds * rate * MESSAGE_BYTES) / 2)
    const { held, queued } = await hall.memory()
    const latencies = await hall.round(seconds, rate)
    const p99 = latencies.quantile(0.99)
    let line = `${kind}: p50 ${latencies.quantile(0.5).toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`
    if (stopped) {
      line += `, held ${mb(held - before.held)} MiB, of them in the socket ${mb(queued)}, ended ${await hall.endOf(stopped)}`
      stopped.end()
    }
    console.log(line)
    p99s.push({ kind, p99 })
    all.get(kind)!.merge(latencies)
  }
  for (const kind of ['websocket', 'polling'] as const) {
    const pooled = all.get(kind)!.quantile(0.99) / all.get('nobody')!.quantile(0.99)
    // What else the machine does comes and goes: held against the round before, most of it falls out.
    const ratios = p99s.flatMap((round, i) => (round.kind === kind ? [round.p99 / p99s[i - 1]!.p99] : []))
    const median = ratios.sort((a, b) => a - b)[ratios.length >> 1]!
    console.log(
      `${kind}: p99 × ${pooled.toFixed(2)} of nobody's, × ${median.toFixed(2)} in the median of pairs`,
    )
  }
  hall.close()
  await cluster.stop()
} finally {
  await cluster.kill()
}
