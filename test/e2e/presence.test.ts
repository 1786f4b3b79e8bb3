/** Members, notices and pages of history across two real workers. */
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import type { HistoryPage, Member } from '../../lib/index.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'

t.test('two members on two workers, homes on both', async (t) => {
  const cluster = await startCluster(t, { app: 'presence', args: ['--history', '5'] })
  const open = (auth: string, slot: number): Client => {
    const client = connect(cluster.url, { auth, segment: cluster.segmentOn(slot) })
    t.teardown(() => client.close())
    return client
  }

  for (const room of [cluster.roomOn(0), cluster.roomOn(1)]) {
    const ann = open('ann', 0)
    const bob = open('bob', 1)
    const heard: string[] = []
    ann.on('said', (text) => heard.push(`said ${text}`))
    for (const what of ['joined', 'updated', 'left']) {
      ann.on(what, (where, member) => {
        const { id, data } = member as Member
        t.equal(where, room)
        heard.push(`${what} ${id === ann.id ? 'ann' : 'bob'} ${JSON.stringify(data)}`)
      })
    }

    t.same(await ann.emitWithAck('enter', room, true), [{ id: ann.id, data: { nick: 'ann' } }])
    bob.emit('say', room, 'outside')
    t.same(await bob.emitWithAck('enter', room, false), [
      { id: ann.id, data: { nick: 'ann' } },
      { id: bob.id, data: { nick: 'bob' } },
    ])
    bob.emit('say', room, 'inside')
    bob.emit('nick', 'rob')
    for (let i = 1; i <= 5; i++) bob.emit('say', room, i)
    await until(() => heard.includes('said 5'))
    for (const client of [ann, bob])
      t.same(((await client.emitWithAck('members', room)) as Member[])[1]!.data, { nick: 'rob' })

    // A lost link is no leave; the end of the session is.
    bob.cutLink()
    bob.emit('say', room, 'back')
    await until(() => heard.includes('said back'))
    bob.close()
    await until(() => heard.at(-1)?.startsWith('left') === true)
    t.same(heard, [
      'joined ann {"nick":"ann"}',
      'said outside',
      'joined bob {"nick":"bob"}',
      'said inside',
      'updated bob {"nick":"rob"}',
      ...[1, 2, 3, 4, 5, 'back'].map((text) => `said ${text}`),
      'left bob {"nick":"rob"}',
    ])
    t.equal(await ann.emitWithAck('count', room), 1)

    const page = (options: object) => ann.emitWithAck('history', room, options) as Promise<HistoryPage>
    const last = await page({ limit: 3 })
    t.match(last, { earlier: 'more', entries: [{ args: [4] }, { args: [5] }, { number: 8, args: ['back'] }] })
    const first = await page({ before: last.entries[0]!.number })
    t.match(first, { earlier: 'forgotten', epoch: last.epoch, entries: [{ number: 4 }, { number: 5 }] })
    await t.rejects(page({ limit: 101 }), { code: 'arguments_invalid' })
    await t.rejects(ann.emitWithAck('enter', room, 'yes'), { code: 'arguments_invalid' })
    ann.close()
  }
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
