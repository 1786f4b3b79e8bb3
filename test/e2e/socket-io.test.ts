/**
 * An application of Socket.IO's, bound to `server.engine`: its stock client works with a segment and without one, and
 * nothing happens to it that happens behind a sticky balancer of the usual kind.
 */
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { slotOfSid } from '../../lib/placement.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, type RawConnection, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import { seeded } from '../support/seed.ts'
import { type StockClient, stockClient } from '../support/socket-io-client.ts'
import { pause, until } from '../support/until.ts'

const WORKERS = 4
const HEAD_MS = 2500
const token = (): string => randomBytes(16).toString('base64url')

/** Socket.IO by hand, over polling: each request on the connection it is given, or on one of its own. */
class Visitor {
  slot: number | null = null
  sid = ''
  readonly #cluster: Cluster
  readonly #segment: string

  constructor(cluster: Cluster, segment: string) {
    this.#cluster = cluster
    this.#segment = segment
  }

  get path(): string {
    return `/api/${this.#segment}/?EIO=4&transport=polling${this.sid && `&sid=${this.sid}`}`
  }

  async #exchange(connection: RawConnection | null, text: string): Promise<string> {
    connection?.write(text)
    const { status, body } = await (connection?.response() ?? ask(this.#cluster.port, text))
    if (status !== 200) throw new Error(`${text.slice(0, 80)}: ${status} ${body}`)
    return String(body)
  }

  poll(connection: RawConnection | null = null): Promise<string> {
    return this.#exchange(connection, request(this.path))
  }

  post(body: string, connection: RawConnection | null = null): Promise<string> {
    return this.#exchange(connection, request(this.path, { method: 'POST', body }))
  }

  async enter(connection: RawConnection | null = null): Promise<this> {
    const open = await this.poll(connection)
    this.sid = (JSON.parse(open.slice(1)) as { sid: string }).sid
    this.slot = slotOfSid(this.sid)
    await this.post('40', connection)
    const connected = await this.poll(connection)
    if (!connected.startsWith('40{')) throw new Error(`not connected: ${connected}`)
    return this
  }
}

const echo = (text: string): string => `420["echo",${JSON.stringify(text)}]`
const echoed = (text: string): string => `430[${JSON.stringify(text)}]`

async function enterOn(cluster: Cluster, slot: number): Promise<Visitor> {
  return new Visitor(cluster, cluster.segmentOn(slot)).enter()
}

async function connection(t: Test, { port }: Cluster): Promise<RawConnection> {
  const made = await rawConnect(port)
  t.teardown(() => made.destroy())
  return made
}

t.test('Socket.IO', async (t) => {
  const cluster = await startCluster(t, {
    app: 'socket-io',
    workers: WORKERS,
    args: ['--head-ms', String(HEAD_MS)],
  })
  const stock = (t: Test, path: string, options?: Record<string, unknown>): StockClient => {
    const client = stockClient(cluster.url, path, options)
    t.teardown(() => client.close())
    return client
  }

  await t.test('stock clients poll, upgrade and talk', async (t) => {
    const paths = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? '/api' : `/api/${token()}`))
    const clients = paths.map((path) => stock(t, path))
    const first = clients.map(({ io }) => io.engine.transport.name)
    const bytes = Buffer.of(0, 255, 30)
    const pids = await Promise.all(
      clients.map(async (client) => {
        t.same(await client.emitWithAck('echo', 'ünf 😀 \x1e', { bytes }).then(String), 'ünf 😀 \x1e')
        return client.emitWithAck('pid')
      }),
    )
    t.same([...new Set(first)], ['polling'])
    t.equal(new Set(pids).size, WORKERS, 'all workers')
    const isUpgraded = (): boolean => clients.every(({ io }) => io.engine.transport.name === 'websocket')
    await until(isUpgraded, 10_000, 'the upgrade of all')
    t.same(await Promise.all(clients.map((client) => client.emitWithAck('pid'))), pids, 'where they were')
  })

  await t.test('who shares a segment shares rooms, without an adapter', async (t) => {
    const segment = token()
    const clients = Array.from({ length: 4 }, () => stock(t, `/api/${segment}/`))
    const heard: string[] = []
    for (const client of clients) {
      client.on('said', (text: string) => heard.push(text))
      await client.emitWithAck('enter', 'room')
    }
    clients[0]!.emit('say', 'room', 'hello')
    await until(() => heard.length === 4, 5000, 'the message at all')
  })

  await t.test('no first frame is lost while a connection is handed over', async (t) => {
    const visitors = await Promise.all(Array.from({ length: 20 }, () => enterOn(cluster, 1)))
    const [blocker] = visitors
    await blocker!.post('42["block",400]')
    // The worker takes nothing: connections wait at the primary, and what follows their heads waits with them.
    const posts = await Promise.all(
      visitors.map(async (visitor, i) => {
        const body = echo(`first ${i}`)
        const made = await connection(t, cluster)
        const text = request(visitor.path, { method: 'POST', body })
        const head = text.length - body.length
        await made.writePieces([text.slice(0, head), text.slice(head, -5), text.slice(-5)], 60)
        return made
      }),
    )
    for (const made of posts) t.equal(String((await made.response()).body), 'ok')
    t.same(
      await Promise.all(visitors.map((visitor) => visitor.poll())),
      visitors.map((_, i) => echoed(`first ${i}`)),
    )
  })

  await t.test('a head over several segments goes where it belongs', async (t) => {
    const random = seeded(t)
    const slots = Array.from({ length: 32 }, (_, i) => i % WORKERS)
    const answers = await Promise.all(
      slots.map(async (slot) => {
        const text = request(new Visitor(cluster, cluster.segmentOn(slot)).path)
        const made = await connection(t, cluster)
        const cuts = [random.int(1, 30), random.int(31, text.length - 1)] as const
        await made.writePieces(
          [text.slice(0, cuts[0]), text.slice(cuts[0], cuts[1]), text.slice(cuts[1])],
          20,
        )
        return String((await made.response()).body)
      }),
    )
    t.same(
      answers.map((open) => slotOfSid((JSON.parse(open.slice(1)) as { sid: string }).sid)),
      slots,
    )
  })

  await t.test('text that is cut within a character', async (t) => {
    const visitor = await enterOn(cluster, 2)
    const text = Buffer.from(request(visitor.path, { method: 'POST', body: echo('ünf 😀') }))
    const made = await connection(t, cluster)
    const cut = text.indexOf('😀') + 2
    await made.writePieces([text.subarray(0, cut), text.subarray(cut)], 30)
    t.equal((await made.response()).status, 200)
    t.equal(await visitor.poll(), echoed('ünf 😀'))
  })

  await t.test('a slow head is waited for; one that is too slow is told so, and gone', async (t) => {
    const visitor = new Visitor(cluster, cluster.segmentOn(3))
    const text = request(visitor.path)
    const slow = await connection(t, cluster)
    await slow.writePieces(text.match(/.{1,20}/gs)!, HEAD_MS / 20)
    t.equal((await slow.response()).status, 200)

    const late = await connection(t, cluster)
    late.write(text.slice(0, 30))
    t.equal((await late.response()).status, 408)
    await late.end()
  })

  await t.test('one connection carries requests of anybody, and upgrades for another', async (t) => {
    const shared = await connection(t, cluster)
    const visitors = Array.from(
      { length: WORKERS },
      (_, slot) => new Visitor(cluster, cluster.segmentOn(slot)),
    )
    for (const visitor of visitors) await visitor.enter(shared)
    for (let i = 0; i < 40; i++) {
      const visitor = visitors[(i * 3) % WORKERS]!
      await visitor.post(echo(`${i}`), shared)
      t.equal(await visitor.poll(shared), echoed(`${i}`))
    }
    const path = visitors[2]!.path.replace('polling', 'websocket')
    shared.write(upgradeRequest(path))
    t.equal((await shared.response()).status, 101)
    shared.sendFrame('2probe')
    t.equal(String((await shared.frame()).payload), '3probe')
    shared.sendFrame('5')
    shared.sendFrame(echo('above'))
    t.equal(String((await shared.frame()).payload), echoed('above'))
  })

  await t.test('a client that ends its side after the request is answered', async (t) => {
    const visitor = await enterOn(cluster, 0)
    for (const slot of [0, 1]) {
      const made = await connection(t, cluster)
      // The second time the request is forwarded.
      if (slot === 1) await new Visitor(cluster, cluster.segmentOn(1)).enter(made)
      made.socket.end(request(visitor.path, { method: 'POST', body: echo('last words') }))
      t.equal((await made.response()).status, 200)
      t.equal(await visitor.poll(), echoed('last words'))
    }
  })

  await t.test('much behind the first head, in one write', async (t) => {
    const text = 'x'.repeat(900_000)
    for (const slot of [0, 1]) {
      const visitor = await enterOn(cluster, slot)
      const made = await connection(t, cluster)
      made.write(request(visitor.path, { method: 'POST', body: echo(text) }))
      t.equal(String((await made.response()).body), 'ok')
      t.ok((await visitor.poll()) === echoed(text), 'and it is whole')
    }
  })

  await t.test('clients that leave while they are handed over', async (t) => {
    const visitor = await enterOn(cluster, 1)
    await visitor.post('42["block",300]')
    for (let i = 0; i < 40; i++) {
      const made = await connection(t, cluster)
      made.write(request(new Visitor(cluster, cluster.segmentOn(1)).path))
      if (i % 2 === 0) made.destroy()
      else made.socket.resetAndDestroy()
    }
    await visitor.post(echo('still here'))
    t.equal(await visitor.poll(), echoed('still here'))
    t.same(cluster.complaints(), [])
  })

  await t.test('a worker that dies leaves nobody hanging', async (t) => {
    const clients = Array.from({ length: 8 }, (_, i) =>
      stock(t, `/api/${cluster.segmentOn(i % WORKERS)}`, { transports: ['websocket'] }),
    )
    const pids = await Promise.all(clients.map((client) => client.emitWithAck('pid') as Promise<number>))
    const pid = pids[1]!
    const lost = pids.filter((other) => other === pid).length
    process.kill(pid, 'SIGSTOP')
    // The first is on its way, the others wait behind it.
    const waiting = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const made = await connection(t, cluster)
        made.write(request(new Visitor(cluster, cluster.segmentOn(1)).path))
        return made
      }),
    )
    await pause(50)
    process.kill(pid, 'SIGKILL')
    for (const made of waiting) t.equal((await made.response()).status, 200)
    const after = await Promise.all(clients.map((client) => client.emitWithAck('pid')))
    t.equal(after.filter((now, i) => now !== pids[i]).length, lost, 'the others noticed nothing')
  })
})

nothingLeft(t)
