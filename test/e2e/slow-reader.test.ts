/** A member of a room stops reading: what it cannot take waits in its outbox and nowhere else; the others get all. */
import t, { type Test } from 'tap'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { type LightMember, openMember } from '../support/light-member.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { PeerSession } from '../support/peer.ts'
import { openPoller } from '../support/poller.ts'
import { rawConnect, request } from '../support/raw.ts'
import { until } from '../support/until.ts'

const KB = 1024
/** More than the kernel holds for one connection (about 4 MiB), so that the worker itself has to. */
const OUTBOX_BYTES = 8 * 1024 * KB
const MESSAGE = 'x'.repeat(32 * KB)
/** These just fit. */
const FITTING = 250
/** What is on its way to one socket: a page, and the message that fills it. */
const LOW_MARK = (256 + 33) * KB
/** A measure of memory is not exact. */
const SLACK = 512 * KB
const MEMBERS = 3

interface Memory {
  readonly held: number
  readonly queued: number
}

class Scene {
  readonly #cluster: Cluster
  readonly #members: LightMember[] = []
  #said = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  get port(): number {
    return this.#cluster.port
  }

  async begin(): Promise<void> {
    for (let i = 0; i < MEMBERS; i++) this.#members.push(await this.member())
    // From now on the room's history is full, and what is compiled once is.
    await this.say(64)
  }

  async member(): Promise<LightMember> {
    const member = await openMember(this.port, 'any')
    await member.ask('enter', 'room')
    return member
  }

  /** All members have these messages when it resolves, but for those who do not read. */
  async say(count: number): Promise<void> {
    for (let i = 1; i <= count; i++) {
      this.#members[0]!.emit('say', 'room', MESSAGE)
      this.#said += 1
      if (i % 8 > 0 && i < count) continue
      await until(() => this.#members.every(({ events }) => events === this.#said), 10_000, 'all messages')
    }
  }

  async memory(): Promise<Memory> {
    return (await this.#members[0]!.ask('memory')) as Memory
  }

  /** The code a session ended with. */
  async endOf(id: string): Promise<unknown> {
    let code: unknown = null
    await until(async () => {
      code = await this.#members[0]!.ask('end of', id)
      return code !== null
    })
    return code
  }

  close(): void {
    for (const { socket } of this.#members) socket.destroy()
  }
}

async function webSocket(t: Test, made: Scene): Promise<void> {
  const slow = await made.member()
  const before = await made.memory()
  slow.socket.pause()
  await made.say(FITTING)
  const full = await made.memory()
  t.ok(full.queued > 0 && full.queued < LOW_MARK, `${full.queued} bytes wait in its socket`)
  const grown = full.held - before.held
  t.ok(grown < OUTBOX_BYTES + LOW_MARK + SLACK, `${grown} bytes are held for it`)
  t.ok(grown > OUTBOX_BYTES / 2, 'the measure sees what is held')

  await made.say(8)
  t.equal(await made.endOf(slow.id), 'outbox_overflow')
  const last: string[] = []
  slow.onFrame = (frame) => last.push(frame.slice(0, 30))
  slow.socket.resume()
  await until(() => last.at(-1)?.startsWith('g') === true)
  t.match(last.at(-1), /^g\{"code":"outbox_overflow"/, 'told behind what was on its way')
  t.ok(slow.events < FITTING, 'what waited is dropped')
  slow.socket.destroy()
  const after = await made.memory()
  t.equal(after.queued, 0)
  t.ok(after.held - before.held < SLACK, `${after.held - before.held} bytes are left`)
}

async function polling(t: Test, made: Scene): Promise<void> {
  const session = new PeerSession()
  const poller = await openPoller(made.port, session)
  t.teardown(() => poller.cut())
  await poller.enter()
  await poller.ask('enter', 'room')
  const slow = await rawConnect(made.port)
  t.teardown(() => slow.destroy())
  slow.write(request(`/api/${session.segment}/?EIO=4&transport=polling&limpet=1&sid=${poller.sid}`))
  slow.socket.pause()
  const before = await made.memory()
  await made.say(FITTING)
  const full = await made.memory()
  t.ok(full.queued < LOW_MARK, `${full.queued} bytes wait in its socket`)
  const grown = full.held - before.held
  t.ok(grown < OUTBOX_BYTES + LOW_MARK + SLACK, `${grown} bytes are held for it`)
  await made.say(8)
  t.equal(await made.endOf(session.id!), 'outbox_overflow')
}

t.test('who does not read', async (t) => {
  // A journal's own buffers grow with the largest turn, by megabytes: what is measured here is held per client.
  const args = ['--outbox-bytes', String(OUTBOX_BYTES), '--no-journal']
  const made = new Scene(await startCluster(t, { app: 'rooms-slow', workers: 1, args }))
  t.teardown(() => made.close())
  await made.begin()
  await t.test('a WebSocket', (t) => webSocket(t, made))
  await t.test('a poll whose answer is not read, and none behind it', (t) => polling(t, made))
})

nothingLeft(t)
