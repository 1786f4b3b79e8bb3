/**
 * kill -9 of a worker: another one takes its slot and its sessions, the others notice nothing. Without a journal its
 * clients learn of one discontinuity and go on.
 */
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, request } from '../support/raw.ts'
import { until } from '../support/until.ts'

interface Watched {
  readonly client: Client
  readonly ids: Set<string>
  suspends: number
  discontinuities: number
  closes: number
}

function watch(client: Client): Watched {
  const watched: Watched = { client, ids: new Set(), suspends: 0, discontinuities: 0, closes: 0 }
  client.on('connect', () => watched.ids.add(client.id!))
  client.on('suspend', () => {
    watched.suspends += 1
  })
  client.on('discontinuity', () => {
    watched.discontinuities += 1
  })
  client.on('close', () => {
    watched.closes += 1
  })
  return watched
}

t.test('a killed worker', async (t) => {
  const cluster = await startCluster(t, { app: 'field', workers: 3 })
  const options = { reconnectDelayMs: 20, reconnectDelayMaxMs: 200 }
  const all = [0, 1, 2].flatMap((slot) =>
    (['websocket', 'polling'] as const).map((transport) =>
      watch(connect(cluster.url, { segment: cluster.segmentOn(slot), transports: [transport], ...options })),
    ),
  )
  t.teardown(() => {
    for (const { client } of all) client.close()
  })
  const pids = (await Promise.all(all.map(({ client }) => client.emitWithAck('pid')))) as number[]
  const room = cluster.roomOn(1)
  await Promise.all(all.map(({ client }) => client.emitWithAck('enter', room)))
  const seen = all.map(({ client }) => {
    const said: unknown[] = []
    client.on('said', (text: unknown) => said.push(text))
    return said
  })
  const victim = pids[0]!
  t.equal(pids[1], victim, 'both transports of a slot')

  // Under way when it dies: handled before or by the next process.
  const fates = all.slice(0, 2).map(({ client }) =>
    client.emitWithAck('pid').then(
      () => 'answered',
      (e: { code: string }) => e.code,
    ),
  )
  process.kill(victim, 'SIGKILL')
  for (const fate of await Promise.all(fates)) t.equal(fate, 'answered')

  await until(
    () => all.slice(0, 2).every(({ client, suspends }) => client.state === 'connected' && suspends === 1),
    10_000,
  )
  const after = (await Promise.all(all.map(({ client }) => client.emitWithAck('pid')))) as number[]
  t.not(after[0], victim, 'a new process')
  t.same(after.slice(0, 2), [after[0], after[0]], 'serves both')
  t.same(after.slice(2), pids.slice(2), 'the others are served as before')
  t.equal(cluster.workers().length, 3)
  t.equal((await ask(cluster.port, request('/health'))).status, 200)

  for (const [i, { client, ids, suspends, discontinuities, closes }] of all.entries()) {
    t.same([[...ids], discontinuities, closes], [[client.id], 0, 0], 'the same session')
    // Requests of all polling clients of this process share connections, and some were the dead worker's.
    if (i >= 2 && i % 2 === 0) t.equal(suspends, 0, 'undisturbed')
  }

  t.equal(((await all[2]!.client.emitWithAck('members', room)) as string[]).length, 6, 'members as before')
  await all[0]!.client.emitWithAck('say', room, 'again')
  await until(() => seen.every((said) => said.includes('again')), 5000, 'a message to all')
  t.ok(
    seen.every((said) => said.length === 1),
    'once each',
  )
})

t.test(
  'without a journal: who was there, or in a room with its home there, is told once and goes on',
  async (t) => {
    const cluster = await startCluster(t, { app: 'field', workers: 2, args: ['--no-journal'] })
    const all = Array.from({ length: 8 }, () => watch(connect(cluster.url, { reconnectDelayMs: 20 })))
    t.teardown(() => {
      for (const { client } of all) client.close()
    })
    const codes = all.map(({ client }) => {
      const codes: string[] = []
      client.on('discontinuity', ({ code }) => codes.push(code))
      return codes
    })
    const pids = await Promise.all(all.map(({ client }) => client.emitWithAck('pid')))
    for (const { client } of all.slice(0, 6)) await client.emitWithAck('enter', 'room')
    process.kill(pids[0] as number, 'SIGKILL')
    const there = codes.filter((_, i) => pids[i] === pids[0])
    await until(() => there.every((told) => told.length > 0), 10_000, 'the discontinuities')
    for (const told of there) t.same(told, ['session_unknown'])
    await Promise.all(all.map(({ client }) => client.emitWithAck('enter', 'room')))
    t.equal(((await all[7]!.client.emitWithAck('members', 'room')) as string[]).length, 8)
    for (const [i, told] of codes.entries()) {
      t.ok(told.length <= 1 && all[i]!.closes === 0, 'once at most')
      if (pids[i] !== pids[0]) t.same(told, i < 6 && told.length > 0 ? ['room_lost'] : [])
    }
  },
)

t.test('a worker that dies while a crowd connects: everybody is served in the end', async (t) => {
  const cluster = await startCluster(t, { app: 'field', workers: 2 })
  const [victim] = cluster.workers()
  const clients = Array.from({ length: 60 }, (_, i) =>
    connect(cluster.url, {
      segment: cluster.segmentOn(i % 2),
      transports: [i % 4 < 2 ? 'websocket' : 'polling'],
      reconnectDelayMs: 20,
      reconnectDelayMaxMs: 200,
      connectTimeoutMs: 2000,
    }),
  )
  t.teardown(() => {
    for (const client of clients) client.close()
  })
  await until(() => clients.some(({ state }) => state === 'connected'))
  process.kill(victim!, 'SIGKILL')
  await until(() => clients.every(({ state }) => state === 'connected'), 15_000, 'all clients')
  const pids = new Set(await Promise.all(clients.map((client) => client.emitWithAck('pid'))))
  t.equal(pids.size, 2)
  t.notOk(pids.has(victim))
})

t.test('the primary is killed: its workers end by themselves', async (t) => {
  const cluster = await startCluster(t, { app: 'field' })
  t.equal(cluster.workers().length, 2)
  await cluster.kill()
  t.doesNotThrow(() => cluster.assertGone())
})

nothingLeft(t)
