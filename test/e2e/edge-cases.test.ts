/** Edge cases that are about connections and processes. Those of the machines alone are in test/client and test/worker. */
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { connectIn } from '../../lib/client/client.ts'
import { type Client, type ClientOptions, connect } from '../../lib/client/index.ts'
import { type Surroundings, surroundings } from '../../lib/client/surroundings.ts'
import { holdDown, holdFrom, onUpgrade, refusal, upgraded } from '../support/between.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import type { Transport } from '../support/peer.ts'
import { type Direction, type FaultProxy, type ProxyConnection, startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'

const TRANSPORTS: Transport[] = ['websocket', 'polling']
const token = (): string => randomBytes(16).toString('base64url')

/** Everything a client is told, in order: lifecycle names, and the first argument of each event `said` and `sent`. */
function watch(client: Client): unknown[] {
  const seen: unknown[] = []
  for (const name of ['suspend', 'resume', 'discontinuity', 'close'] as const)
    client.on(name, (info?: { code?: string }) => seen.push([name, info?.code].join(' ').trim()))
  for (const name of ['said', 'sent']) client.on(name, (value: unknown) => void seen.push(value))
  return seen
}

/** A client that lives this many times as fast: its patience with polling is seconds long. */
const FAST = 8
const fast: Surroundings = {
  ...surroundings,
  now: () => FAST * surroundings.now(),
  random: () => 0,
  setTimer: (act, ms) => surroundings.setTimer(act, ms / FAST),
}

const MIB = 1024 * 1024
const sixMiB = new Uint8Array(6 * MIB).fill(7)

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

t.test('a server with --payload-bytes 8388608', async (t) => {
  const limit = String(8 * MIB)
  // By default what is larger than the outbox may wait there alone: not behind an answer.
  const args = ['--payload-bytes', limit, '--taken-bytes', limit, '--outbox-bytes', limit]
  const cluster = await startCluster(t, { app: 'field', workers: 1, args })
  const observer = connect(cluster.url)
  t.teardown(() => observer.close())
  /** What the application saw of a session. */
  const diary = async (id: string | null): Promise<unknown[]> => {
    const entries = (await observer.emitWithAck('diary', id)) as [string, string, unknown][]
    return entries.map(([, what, detail]) => (what === 'note' ? detail : [what, detail].join(' ').trim()))
  }
  const behindProxy = async (t: Test): Promise<FaultProxy> => {
    const proxy = await startProxy(cluster.port)
    t.teardown(() => proxy.stop())
    return proxy
  }

  t.test('page duplicated: two clients, one key', async (t) => {
    const segment = token()
    const key = token()
    // As a copied storage makes it: an instance of its own, then the key of the other.
    const page = (options: ClientOptions = {}): Client => {
      const tokens = [token(), key]
      const where = { ...surroundings, newToken: () => tokens.shift() ?? token() }
      const client = connectIn(where, cluster.url, { segment, reconnectDelayMs: 1, ...options })
      t.teardown(() => client.close())
      return client
    }
    const first = page()
    const firstSaw = watch(first)
    await until(() => first.state === 'connected')
    const { id } = first

    const second = page({ transports: ['polling'] })
    const secondSaw = watch(second)
    await until(() => first.state === 'closed')
    await second.emitWithAck('send', 2, 1)
    t.equal(second.id, id, 'the same session')
    t.same(secondSaw, [0, 1])
    t.same(firstSaw, ['close taken_over'], 'told once, and it gets nothing more')
    t.same(await diary(id), ['open'])

    // A copy that knows nothing of what was counted since: nothing may be shifted.
    const stale = page()
    const staleSaw = watch(stale)
    await t.rejects(stale.emitWithAck('pid'), { code: 'not_delivered' })
    t.type(await stale.emitWithAck('pid'), 'number')
    t.not(stale.id, id)
    t.same(staleSaw, ['discontinuity count_mismatch'])
    t.same(secondSaw.slice(2), ['close taken_over'])
    t.equal(firstSaw.length, 1)
    t.same(await diary(id), ['open', 'close closed_by_client'], 'nobody took it back')
  })

  for (const last of ['polling', 'websocket']) {
    t.test(
      `two links live while a session moves from polling to WebSocket, frames in flight on both, ${last} last`,
      async (t) => {
        const proxy = await behindProxy(t)
        proxy.rules.upgrades = 'answer'
        const client = connectIn(fast, proxy.url, { connectTimeoutMs: 5000 * FAST })
        t.teardown(() => client.close())
        const seen = watch(client)
        const room = token()
        await client.emitWithAck('enter', room)
        client.emit('note', 0)
        await client.emitWithAck('say', room, 0)
        const { id } = client

        // A poll waits at the server; its answer is held back, and so is all that is sent up afterwards.
        const answered = holdDown(proxy, '"said"')
        // In one turn: a poll brings one answer.
        for (const n of [1, 2, 3]) observer.emit('say', room, n)
        await answered
        proxy.rules.plan = (connection) => connection.stall()
        for (const connection of proxy.connections) connection.stall()
        for (const n of [1, 2, 3]) client.emit('note', n)

        const { made } = proxy
        proxy.rules.upgrades = 'pass'
        const webSocket = await upgraded(proxy, made)
        const welcomed = holdFrom(webSocket, 'w{"id"')
        webSocket.release()
        await welcomed
        t.same([seen, await diary(id)], [[0], ['open', 0]], 'all of it is in flight')
        for (const n of [4, 5]) client.emit('note', n)
        for (const n of [4, 5]) await observer.emitWithAck('say', room, n)

        const polling = proxy.connections.filter((connection) => connection !== webSocket)
        const releasePolling = (): void => {
          for (const connection of polling) connection.release()
        }
        if (last === 'websocket') {
          releasePolling()
          await until(() => seen.length === 4, 5000, 'what the old link still carries')
          t.same(await diary(id), ['open', 0], 'upwards it carries nothing any more')
        }
        webSocket.release()
        t.type(await client.emitWithAck('pid'), 'number')
        if (last === 'polling') releasePolling()
        client.emit('note', 6)
        await client.emitWithAck('say', room, 6)
        t.same(seen, numbers(0, 7), 'down: each once, in order, and nothing was interrupted')
        t.same(await diary(id), ['open', ...numbers(0, 7)], 'up: the same')
        t.ok(proxy.connections.includes(webSocket), 'on the WebSocket')
      },
    )
  }

  t.test(
    'WebSocket blocked by a middlebox that answers 400, answers 502, hangs: polling carries the session, and it returns to WebSocket without loss',
    async (t) => {
      const proxy = await behindProxy(t)
      const blocks: ((connection: ProxyConnection) => void)[] = [
        (connection) => connection.answer(refusal('400 Bad Request')),
        (connection) => connection.answer(refusal('502 Bad Gateway')),
        (connection) => connection.blackhole(),
      ]
      const tries: ProxyConnection[] = []
      let open = false
      proxy.rules.plan = (connection) =>
        onUpgrade(connection, () => {
          if (!open) blocks[tries.length % blocks.length]!(connection)
          tries.push(connection)
          return open
        })
      const client = connectIn(fast, proxy.url, { connectTimeoutMs: 300 * FAST })
      t.teardown(() => client.close())
      const seen = watch(client)
      const room = token()
      await client.emitWithAck('enter', room)
      let n = 0
      const load = setInterval(() => {
        client.emit('note', n)
        client.emit('say', room, n)
        n += 1
      }, 40)
      t.teardown(() => clearInterval(load))
      await until(() => tries.length >= blocks.length && seen.length > 5, 10_000, 'tries in vain')
      open = true
      const inVain = tries.length
      // More than the handshake and the welcome.
      const carries = (): boolean => tries.slice(inVain).some(({ down }) => down.passed > 1000)
      await until(carries, 10_000, 'the return to WebSocket')
      clearInterval(load)
      await client.emitWithAck('say', room, n)
      t.same(seen, numbers(0, n + 1), 'down: each once, in order, and nothing was interrupted')
      t.same(await diary(client.id), ['open', ...numbers(0, n)], 'up: the same')
    },
  )

  for (const transport of TRANSPORTS) {
    const start = (t: Test): Client => {
      const client = connect(cluster.url, { transports: [transport] })
      t.teardown(() => client.close())
      return client
    }

    t.test(`${transport}: 0-byte payloads, text and bytes`, async (t) => {
      const client = start(t)
      const nothing = [[''], [new Uint8Array(0)], ['', new Uint8Array(0), { a: [new Uint8Array(0), ''] }], []]
      for (const args of nothing) t.same(await client.emitWithAck('echo', ...args), args)
      const said: unknown[][] = []
      const room = token()
      await client.emitWithAck('enter', room)
      client.on('said', (...args: unknown[]) => void said.push(args.slice(0, -1)))
      for (const args of nothing) client.emit('say', room, ...args)
      for (const value of ['', new Uint8Array(0)]) await client.emitWithAck('note', value)
      t.same(said, nothing)
      t.same(await diary(client.id), ['open', '', new Uint8Array(0)])
    })

    t.test(`${transport}: emit in the same tick as close, on either side`, async (t) => {
      const client = start(t)
      await until(() => client.state === 'connected')
      client.emit('note', 'last')
      client.close()
      const closed = async (): Promise<boolean> => (await diary(client.id)).length === 3
      await until(closed, 5000, 'the end')
      t.same(await diary(client.id), ['open', 'last', 'close closed_by_client'])

      const other = start(t)
      const seen = watch(other)
      await until(() => other.state === 'connected')
      // Both handlers run in the turn that brings both.
      other.emit('send', 3, 0)
      other.emit('end', 'enough', '')
      await until(() => other.state === 'closed')
      t.same(seen, [0, 1, 2, 'close enough'])
    })

    t.test(`${transport}: 6 MiB up and 4 MiB down, each cut in the middle, arrive once`, async (t) => {
      const proxy = await behindProxy(t)
      const client = connect(proxy.url, { transports: [transport], reconnectDelayMs: 1 })
      t.teardown(() => client.close())
      const seen = watch(client)
      await until(() => client.state === 'connected')

      const cuts: Direction[] = ['up', 'down']
      const cutNext = (): void => {
        const [direction] = cuts.splice(0, 1)
        proxy.rules.plan = (connection) => {
          for (const way of ['up', 'down'] as const)
            connection.cutAfter(way, way === direction ? 2 * MIB : Number.POSITIVE_INFINITY)
        }
        for (const connection of proxy.connections) proxy.rules.plan(connection)
      }
      cutNext()
      client.on('suspend', cutNext)
      t.type(await client.emitWithAck('pid', sixMiB), 'number')
      t.same(seen, ['suspend', 'resume'])

      // The second resume compares the checks over all that went up, too.
      const lengths: number[] = []
      client.on('sent', (_: unknown, text: unknown) => void lengths.push((text as string).length))
      const length = 4 * MIB - 1024
      await client.emitWithAck('send', 1, length)
      t.same(seen, ['suspend', 'resume', 'suspend', 'resume', 0])
      t.same(lengths, [length])
      t.equal(proxy.broken, 2)
    })
  }

  t.test('nobody complained', async (t) => {
    t.same(cluster.complaints(), [])
  })
})

nothingLeft(t)
