/** The next start has another number of workers: sessions, rooms and what is on its way are with their new owners. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { readGeneration } from '../../lib/primary/generation.ts'
import { lockName } from '../../lib/worker/slot-lock.ts'
import { Cluster, steadyPort } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'
import { RUNS_ENV } from './runs.ts'

async function start(t: Test, workers: number): Promise<Cluster> {
  const cluster = new Cluster({
    app: 'chaos',
    workers,
    port: await steadyPort(),
    env: RUNS_ENV,
  })
  t.teardown(() => cluster.stop())
  await cluster.ready()
  return cluster
}

interface Seen {
  readonly client: Client
  readonly said: string[]
  readonly lost: string[]
}

/** Clients on all slots, in turn; each a member of each room. */
async function crowd(
  t: Test,
  cluster: Cluster,
  count: number,
  rooms: readonly string[],
): Promise<readonly Seen[]> {
  const all = Array.from({ length: count }, (_, i): Seen => {
    const client = connect(cluster.url, {
      segment: cluster.segmentOn(i % cluster.slots),
      transports: [i % 2 === 0 ? 'websocket' : 'polling'],
      reconnectDelayMs: 20,
      reconnectDelayMaxMs: 200,
    })
    const seen: Seen = { client, said: [], lost: [] }
    client.on('said', (room: unknown, id: unknown) => seen.said.push(`${room} ${id}`))
    client.on('discontinuity', ({ code }) => seen.lost.push(code))
    client.on('close', ({ code }) => code !== 'closed_by_client' && seen.lost.push(code))
    return seen
  })
  t.teardown(() => {
    for (const { client } of all) client.close()
  })
  for (const [i, { client }] of all.entries()) {
    for (const room of rooms) await client.emitWithAck('enter', room, `hello ${i}`)
  }
  return all
}

t.test('2, 3, 1: each start deals anew', async (t) => {
  const cluster = await start(t, 2)
  const rooms = ['red', 'green', 'blue']
  const all = await crowd(t, cluster, 4, rooms)
  const ids = all.map(({ client }) => client.id!).sort()
  let expected = rooms.length * ids.length
  for (const workers of [3, 1]) {
    await cluster.crash()
    // While nobody serves: sent as soon as somebody does.
    for (const room of rooms) all[0]!.client.emit('say', room, `to ${workers}`)
    const answer = all[1]!.client.emitWithAck('up', workers, 'x')
    cluster.again(workers)
    await cluster.ready()
    t.equal(await answer, workers)
    for (const room of rooms) {
      const members = (await all[2]!.client.emitWithAck('members', room)) as string[]
      t.same(members.sort(), ids, `members of ${room}`)
    }
    expected += rooms.length
    await until(() => all[0]!.said.length >= expected && all[3]!.said.length >= rooms.length, 10_000)
  }
  for (const { client } of all) await client.emitWithAck('pid')
  t.same(
    all.map(({ lost }) => lost),
    all.map(() => []),
  )
  t.equal(((await all[1]!.client.emitWithAck('data')) as { up: number }).up, 2)
  const [first, ...others] = all
  for (const room of rooms) {
    const of = ({ said }: Seen): string[] => said.filter((line) => line.startsWith(room))
    t.equal(new Set(of(first!)).size, of(first!).length, 'nothing twice')
    for (const other of others) t.same(of(other), of(first!).slice(-of(other).length), `one order of ${room}`)
  }
  t.equal(readFileSync(join(cluster.journal, 'CURRENT'), 'utf8'), '1 3 1\n')
  t.same(cluster.complaints(), [])
})

t.test('items between workers that had not arrived', async (t) => {
  const cluster = await start(t, 2)
  const room = cluster.roomOn(1)
  const [publisher, member] = await crowd(t, cluster, 2, [room])
  await until(() => publisher!.said.length === 2 && member!.said.length > 0, 5000, 'all in the room')
  const home = (await member!.client.emitWithAck('pid')) as number
  process.kill(home, 'SIGSTOP')
  // Handled and written at the publisher's worker; its home hears of it in the next life.
  for (let n = 0; n < 5; n++)
    t.equal(await publisher!.client.emitWithAck('say', room, `late ${n}`), undefined)
  await cluster.crash()
  process.kill(home, 'SIGKILL')
  cluster.again(3)
  await cluster.ready()
  const late = (seen: Seen): string[] => seen.said.filter((line) => line.includes(' late '))
  await until(() => late(publisher!).length === 5 && late(member!).length === 5, 10_000, 'what was late')
  const expected = Array.from({ length: 5 }, (_, n) => `${room} late ${n}`)
  t.same([late(publisher!), late(member!)], [expected, expected])
  t.same([publisher!.lost, member!.lost], [[], []])
})

t.test('a worker that has not noticed the death of its primary is waited for', async (t) => {
  const cluster = await start(t, 2)
  // On slot 1: slots are taken one after another, and that slot 0 was taken says that this one is waited for.
  const [, seen] = await crowd(t, cluster, 2, [])
  const { client } = seen!
  const pid = (await client.emitWithAck('pid')) as number
  const holder = (): string | undefined => {
    const lock = `@${lockName(readGeneration(cluster.journal)!.path, 0)}`
    const line = readFileSync('/proc/net/unix', 'latin1')
      .split('\n')
      .find((line) => line.includes(` ${lock}`))
    return line?.split(/ +/)[6]
  }
  const before = holder()
  t.ok(before)
  process.kill(pid, 'SIGSTOP')
  let handled = false
  const answer = client.emitWithAck('up', 1, 'x').then(() => {
    handled = true
  })
  await cluster.crash()
  cluster.again(3)
  const ready = cluster.ready()
  let dealt = false
  void ready.then(() => {
    dealt = true
  })
  await until(() => ![undefined, before].includes(holder()), 10_000, 'the process that deals')
  t.notOk(dealt || handled, 'the slot is still held')
  process.kill(pid, 'SIGCONT')
  await ready
  await answer
  t.same(seen!.lost, [])
  t.equal(((await client.emitWithAck('data')) as { up: number }).up, 1)
})

nothingLeft(t)
