/** One order per room, whoever publishes and whichever worker serves whom. */
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { RoomViews } from '../support/room-views.ts'
import { until } from '../support/until.ts'

const PUBLISHERS = 4
const EACH = 100

function client(t: { teardown(f: () => void): unknown }, cluster: Cluster, slot: number): Client {
  const made = connect(cluster.url, { segment: cluster.segmentOn(slot) })
  t.teardown(() => made.close())
  return made
}

t.test(
  'two members on different workers see the same history and order of four publishers on both',
  async (t) => {
    const cluster = await startCluster(t, { app: 'field' })
    // Two rooms: likely one has its home with the first worker, one with the other.
    for (const room of ['lobby', 'attic', 'cellar']) {
      const members = [client(t, cluster, 0), client(t, cluster, 1)]
      const seen = members.map((member) => {
        const ids: string[] = []
        member.on('said', (id: unknown) => ids.push(String(id)))
        return ids
      })
      const pids = await Promise.all(members.map((member) => member.emitWithAck('pid')))
      t.not(pids[0], pids[1])
      await Promise.all(members.map((member) => member.emitWithAck('enter', room)))

      const publishers = Array.from({ length: PUBLISHERS }, (_, i) => client(t, cluster, i % 2))
      await Promise.all(publishers.slice(2).map((publisher) => publisher.emitWithAck('enter', room)))
      for (let i = 0; i < EACH; i++) {
        for (const [p, publisher] of publishers.entries()) publisher.emit('say', room, `${p}/${i}`)
        // A few per turn, so that the publishers' messages mix.
        if (i % 10 === 9) await Promise.all(publishers.map((publisher) => publisher.emitWithAck('pid')))
      }
      const total = PUBLISHERS * EACH
      await until(() => seen.every((ids) => ids.length >= total), 10_000, 'all messages')
      const views = new RoomViews()
      for (const member of seen.keys()) views.entering(room, `member ${member}`, null)
      for (let i = 0; i < total; i++)
        views.published(room, `${i % PUBLISHERS}`, `${i % PUBLISHERS}/${Math.floor(i / PUBLISHERS)}`)
      for (const id of seen[0]!) views.ordered(room, id)
      for (const [member, ids] of seen.entries())
        for (const id of ids) views.received(room, `member ${member}`, id)
      t.same(views.findings(), [], `${room}: one order, each once, each publisher's in its own`)

      const histories = await Promise.all(
        [...members, publishers[0]!].map((c) => c.emitWithAck('history', room, 100)),
      )
      t.same(histories[0], histories[1], `${room}: one history`)
      t.same(histories[0], histories[2])
      t.same(
        (histories[0] as { number: number; args: string[] }[]).map(({ number, args }) => [number, args[0]]),
        seen[0]!.slice(-100).map((id, i) => [total - 99 + i, id]),
        `${room}: the last hundred, numbered`,
      )
      for (const c of [...members, ...publishers]) c.close()
    }
    t.same(cluster.complaints(), [])
  },
)

t.test('who joins later sees everything from then on, who leaves nothing more', async (t) => {
  const cluster = await startCluster(t, { app: 'field' })
  const publisher = client(t, cluster, 0)
  const members = [client(t, cluster, 0), client(t, cluster, 1)]
  const seen = members.map((member) => {
    const ids: unknown[] = []
    member.on('said', (id: unknown) => ids.push(id))
    return ids
  })
  await publisher.emitWithAck('say', 'room', 'before')
  // One after the other: of two that enter at once both may be counted by then.
  t.equal(await members[0]!.emitWithAck('enter', 'room'), 1)
  t.equal(await members[1]!.emitWithAck('enter', 'room'), 2)
  await publisher.emitWithAck('say', 'room', 'during')
  await until(() => seen.every((ids) => ids.length === 1))
  t.same(
    ((await publisher.emitWithAck('members', 'room')) as string[]).sort(),
    members.map(({ id }) => id).sort(),
  )
  await members[1]!.emitWithAck('leave', 'room')
  await publisher.emitWithAck('say', 'room', 'after')
  await until(() => seen[0]!.length === 2)
  t.same(seen, [['during', 'after'], ['during']])

  // A publish right behind a join is seen by its author.
  publisher.emit('enter', 'own')
  const own: unknown[] = []
  publisher.on('said', (id: unknown) => own.push(id))
  publisher.emit('say', 'own', 'mine')
  await until(() => own.length === 1)

  members[0]!.close()
  await until(async () => ((await publisher.emitWithAck('members', 'room')) as unknown[]).length === 0)
  t.pass('a session that ends leaves its rooms')
})

nothingLeft(t)
