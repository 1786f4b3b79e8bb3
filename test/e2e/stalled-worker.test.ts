/**
 * A worker that stops for a while (SIGSTOP) costs the others its queue, and nothing else: what waits for it is
 * delivered when it goes on, or, past --bus-bytes, its members of those rooms are told that they missed something.
 */
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'

const BUS_BYTES = 262_144
const FILL = 'x'.repeat(2000)

interface Watched {
  readonly client: Client
  readonly ids: Set<string>
  readonly said: number[]
  readonly events: string[]
}

function watch(client: Client): Watched {
  const watched: Watched = { client, ids: new Set(), said: [], events: [] }
  client.on('connect', () => watched.ids.add(client.id!))
  client.on('suspend', () => watched.events.push('suspend'))
  client.on('discontinuity', ({ code }) => watched.events.push(code))
  client.on('close', ({ code }) => watched.events.push(code))
  client.on('said', (n: unknown) => watched.said.push(n as number))
  return watched
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)

t.test('a worker stopped under load', async (t) => {
  const cluster = await startCluster(t, {
    app: 'field',
    workers: 3,
    args: ['--bus-bytes', String(BUS_BYTES)],
  })
  const on = (slot: number): Watched =>
    watch(connect(cluster.url, { segment: cluster.segmentOn(slot), reconnectDelayMs: 20 }))
  const publisher = on(0)
  const members = [on(0), on(1)]
  const slow = on(2)
  const elsewhere = on(2)
  const noRoom = on(2)
  const all = [publisher, ...members, slow, elsewhere, noRoom]
  t.teardown(() => {
    for (const { client } of all) client.close()
  })
  const room = cluster.roomOn(0)
  const quiet = cluster.roomOn(1)
  for (const { client } of [...members, slow]) await client.emitWithAck('enter', room)
  for (const { client } of [publisher, elsewhere]) await client.emitWithAck('enter', quiet)
  const pid = (await noRoom.client.emitWithAck('pid')) as number
  t.teardown(() => {
    process.kill(pid, 'SIGCONT')
  })

  let published = 0
  const publish = async (count: number): Promise<void> => {
    for (let n = 1; n < count; n++) publisher.client.emit('say', room, ++published, FILL)
    await publisher.client.emitWithAck('say', room, ++published, FILL)
  }
  const heardBy = (some: Watched[]): Promise<void> =>
    until(() => some.every(({ said }) => said.length >= published), 10_000, 'all messages')
  const cut = () => cluster.log().find(({ msg }) => msg.includes('cut off'))

  await publish(10)
  await heardBy([...members, slow])

  process.kill(pid, 'SIGSTOP')
  await publish(BUS_BYTES / 2 / FILL.length)
  await heardBy(members)
  t.equal(slow.said.length, 10, 'it has stopped')
  process.kill(pid, 'SIGCONT')
  await heardBy([slow])
  t.same(
    [slow.said, slow.events],
    [upTo(published), []],
    'below the bound: all of it, as if nothing had been',
  )

  process.kill(pid, 'SIGSTOP')
  const before = published
  while (!cut()) {
    await publish(10)
    // So that none but the stopped one falls behind.
    await heardBy(members)
  }
  await publish(20)
  await publisher.client.emitWithAck('say', quiet, 1)
  await heardBy(members)
  const { peer, bytes } = cut() as unknown as { peer: number; bytes: number }
  t.equal(peer, 2)
  t.ok(bytes > BUS_BYTES && bytes < BUS_BYTES + 2 * FILL.length, `${bytes} bytes waited`)
  process.kill(pid, 'SIGCONT')
  await until(() => slow.ids.size === 2, 10_000, 'a new session')
  t.same(slow.events, ['room_lost'], 'past it: told once, and back')
  t.same(slow.said, upTo(slow.said.length), 'what it got is a beginning')
  t.ok(slow.said.length <= published - 20, `${slow.said.length - before} of ${published - before}`)
  await until(() => elsewhere.said.length === 1, 5000, 'a message of another home')

  await slow.client.emitWithAck('enter', room)
  t.equal(((await publisher.client.emitWithAck('members', room)) as string[]).length, 3)
  await publish(1)
  await until(() => slow.said.at(-1) === published, 5000, 'the next message')
  await heardBy(members)
  for (const { said } of members) t.same(said, upTo(published))
  for (const { ids, events } of [publisher, ...members, elsewhere, noRoom])
    t.same([ids.size, events], [1, []], 'undisturbed')
  t.equal(cluster.log().filter(({ msg }) => msg.includes('cut off')).length, 1)
})

nothingLeft(t)
