/**
 * kill -9 of a worker: another one takes its slot, its clients learn of one discontinuity and go on, the others notice
 * nothing. (Nothing is remembered on disk yet.)
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

  // Under way when it dies: each of these promises must settle.
  const fates = all.slice(0, 2).map(({ client }) =>
    client.emitWithAck('pid').then(
      () => 'answered',
      (e: { code: string }) => e.code,
    ),
  )
  process.kill(victim, 'SIGKILL')
  for (const fate of await Promise.all(fates)) t.match(fate, /^(answered|unknown|not_delivered)$/)

  await until(
    () => all.slice(0, 2).every(({ client, ids }) => client.state === 'connected' && ids.size === 2),
    10_000,
  )
  const after = (await Promise.all(all.map(({ client }) => client.emitWithAck('pid')))) as number[]
  t.not(after[0], victim, 'a new process')
  t.same(after.slice(0, 2), [after[0], after[0]], 'serves both')
  t.same(after.slice(2), pids.slice(2), 'the others are served as before')
  t.equal(cluster.workers().length, 3)
  t.equal((await ask(cluster.port, request('/health'))).status, 200)

  for (const { discontinuities, closes } of all.slice(0, 2))
    t.same([discontinuities, closes], [1, 0], 'told once')
  for (const { client, ids, closes } of all.slice(0, 2))
    t.same([ids.size, ids.has(client.id!), closes], [2, true, 0])
  for (const [i, { client, ids, suspends, discontinuities, closes }] of all.entries()) {
    if (i < 2) continue
    t.same([[...ids], discontinuities, closes], [[client.id], 0, 0], 'the same session')
    // Requests of all polling clients of this process share connections, and some were the dead worker's.
    if (i % 2 === 0) t.equal(suspends, 0, 'undisturbed')
  }

  // The room's home lived on: it has forgotten the dead worker's members, and takes them in again.
  t.equal(((await all[2]!.client.emitWithAck('members', room)) as string[]).length, 4)
  await Promise.all(all.slice(0, 2).map(({ client }) => client.emitWithAck('enter', room)))
  await all[0]!.client.emitWithAck('say', room, 'again')
  await until(() => seen.every((said) => said.includes('again')), 5000, 'a message to all')
  t.ok(
    seen.every((said) => said.length === 1),
    'once each',
  )
})

t.test('a room whose home dies: its members are told, and go on with a new session', async (t) => {
  const cluster = await startCluster(t, { app: 'field', workers: 2 })
  const member = watch(connect(cluster.url, { segment: cluster.segmentOn(1), reconnectDelayMs: 20 }))
  const other = watch(connect(cluster.url, { segment: cluster.segmentOn(1), reconnectDelayMs: 20 }))
  const homes = connect(cluster.url, { segment: cluster.segmentOn(0), reconnectDelayMs: 20 })
  t.teardown(() => {
    for (const client of [member.client, other.client, homes]) client.close()
  })
  const room = cluster.roomOn(0)
  await member.client.emitWithAck('enter', room)
  await other.client.emitWithAck('pid')
  const codes: string[] = []
  member.client.on('discontinuity', ({ code }) => codes.push(code))
  process.kill((await homes.emitWithAck('pid')) as number, 'SIGKILL')
  await until(() => codes.length > 0, 10_000, 'the discontinuity')
  t.same(codes, ['room_lost'])
  t.equal(await member.client.emitWithAck('enter', room), 1)
  t.equal(member.closes, 0)
  t.same(
    [other.ids.size, other.suspends, other.discontinuities],
    [1, 0, 0],
    'who was not in it noticed nothing',
  )
})

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
