/** One live link per session: who may take it, what is left of the old one, and how sessions end while nobody is there. */
import t from 'tap'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { openLink, type PeerLink, PeerSession, type Transport } from '../support/peer.ts'
import { startProxy } from '../support/proxy.ts'
import { pause, until } from '../support/until.ts'

const TRANSPORTS: Transport[] = ['websocket', 'polling']

/** A question and its answer, over a link that is in use. */
async function ask(link: PeerLink, name: string, ...args: unknown[]): Promise<unknown> {
  const number = link.question(name, ...args)
  for (;;) {
    const { to, result } = await link.next('answer')
    if (to !== number) continue
    if (!result.ok) throw new Error(result.code)
    return result.value
  }
}

/** What the application saw of a session, asked over a link of whichever session of the same worker. */
async function diary(link: PeerLink, id: string): Promise<string[]> {
  const entries = (await ask(link, 'diary', id)) as [string, string, unknown][]
  return entries.map(([, what, detail]) => (detail === null ? what : `${what} ${detail}`))
}

t.test('who may take a session', async (t) => {
  const cluster = await startCluster(t, { app: 'field' })
  for (const transport of TRANSPORTS) {
    await t.test(
      `${transport}: a half-open link is taken over at once, and its late end changes nothing`,
      async (t) => {
        const proxy = await startProxy(cluster.port)
        t.teardown(() => proxy.stop())
        const session = new PeerSession(cluster.segmentOn(0))
        const old = await openLink(proxy.url, session, transport)
        const { id } = await old.enter()
        old.emit('note', 'before')
        await ask(old, 'send', 3, 10)

        proxy.blackhole()
        old.emit('note', 'swallowed')
        const start = Date.now()
        const next = await openLink(cluster.url, session, transport)
        const welcome = await next.enter()
        const took = Date.now() - start
        t.ok(took < 1000, `welcome after ${took} ms; the ping timeout is 45,000 ms`)
        t.equal(welcome.id, id)
        await ask(next, 'send', 3, 10)
        t.same(
          session.events.map(([name, n]) => [name, n]),
          [0, 1, 2, 0, 1, 2].map((n) => ['sent', n]),
          'nothing lost, nothing doubled downwards',
        )

        // Now the server learns that the old connections are gone: the fenced link's end is late.
        old.close()
        await proxy.stop()
        await pause(200)
        t.same(
          await diary(next, id),
          ['open', 'note before', 'note swallowed'],
          'upwards neither, and no suspend',
        )
        t.same(cluster.complaints(), [])
        next.close()
      },
    )

    await t.test(`${transport}: a late hello does not take over`, async (t) => {
      const session = new PeerSession(cluster.segmentOn(1))
      const late = await openLink(cluster.url, session, transport)
      const first = await openLink(cluster.url, session, transport)
      const { id } = await first.enter({ attempt: 5 })
      late.hello({ attempt: 4 })
      t.equal((await late.next('close')).close.code, 'stale_attempt')
      await late.end()

      const repeated = await openLink(cluster.url, session, transport)
      repeated.hello({ attempt: 5 })
      t.equal((await repeated.next('close')).close.code, 'stale_attempt', 'the same attempt is late too')

      t.same(await diary(first, id), ['open'], 'the session never noticed')
      first.close()
    })

    await t.test(
      `${transport}: another instance takes over and is named; the same one only moves`,
      async (t) => {
        const session = new PeerSession(cluster.segmentOn(0))
        const first = await openLink(cluster.url, session, transport)
        await first.enter()
        const second = await openLink(cluster.url, session, transport)
        await second.enter()
        t.match((await first.next('close')).close, { code: 'link_replaced' })

        const foreign = await openLink(cluster.url, session, transport)
        await foreign.enter({ instance: 'another-page' })
        t.match((await second.next('close')).close, { code: 'taken_over', instance: 'another-page' })
        t.same(await diary(foreign, session.id!), ['open'])
        foreign.close()
      },
    )

    await t.test(`${transport}: a lost first welcome leaves no ghost`, async (t) => {
      const proxy = await startProxy(cluster.port)
      t.teardown(() => proxy.stop())
      const session = new PeerSession(cluster.segmentOn(1))
      const observer = await openLink(cluster.url, new PeerSession(cluster.segmentOn(1)), 'websocket')
      await observer.enter()
      const opened = async (): Promise<string[]> =>
        ((await ask(observer, 'diary')) as [string, string][])
          .filter(([, what]) => what === 'open')
          .map(([of]) => of)
      const before = await opened()

      const lost = await openLink(proxy.url, session, transport)
      for (const connection of proxy.connections) connection.stall('down')
      proxy.rules.plan = (connection) => connection.stall('down')
      lost.hello()
      const made = async (): Promise<string[]> => (await opened()).filter((of) => !before.includes(of))
      await until(async () => (await made()).length === 1, 5000, 'the session of the lost welcome')
      proxy.cutAll()

      t.equal(session.id, undefined, 'the client never learned its name')
      const next = await openLink(cluster.url, session, transport)
      const { id } = await next.enter()
      t.same(await made(), [id], 'the same session, no second one')
      next.close()
      lost.close()
      observer.close()
    })
  }

  await t.test('a wrong key touches no session', async (t) => {
    const session = new PeerSession(cluster.segmentOn(0))
    const link = await openLink(cluster.url, session, 'websocket')
    const { id } = await link.enter()
    const thief = new PeerSession(session.segment)
    const theft = await openLink(cluster.url, thief, 'websocket')
    theft.hello({ id })
    t.match((await theft.next('gone')).gone, { code: 'session_unknown', handled: 0, taken: 0 })
    t.same(await diary(link, id), ['open'])

    // A fresh hello may follow on the same link.
    const welcome = await theft.enter()
    t.not(welcome.id, id)
    for (const l of [link, theft]) l.close()
  })

  await t.test('a resume through another segment is gone, and the session stays', async (t) => {
    const session = new PeerSession(cluster.segmentOn(1))
    const link = await openLink(cluster.url, session, 'websocket')
    const { id } = await link.enter()
    const moved = new PeerSession(cluster.segmentOn(1))
    const other = await openLink(cluster.url, moved, 'websocket')
    other.hello({ ...session.hello(), id })
    t.match((await other.next('gone')).gone, { code: 'segment_mismatch' })
    t.same(await diary(link, id), ['open'])
    for (const l of [link, other]) l.close()
  })
  t.same(cluster.complaints(), [])
})

t.test('grace expires: the application hears of it once, the client is told what was handled', async (t) => {
  const cluster = await startCluster(t, { app: 'field', args: ['--grace-ms', '300'] })
  const session = new PeerSession(cluster.segmentOn(0))
  const link = await openLink(cluster.url, session, 'websocket')
  const { id } = await link.enter()
  for (let i = 0; i < 5; i++) link.emit('note', i)
  await ask(link, 'pid')
  link.close()

  const observer = await openLink(cluster.url, new PeerSession(cluster.segmentOn(0)), 'websocket')
  await observer.enter()
  const closes = async (): Promise<string[]> =>
    (await diary(observer, id)).filter((entry) => entry.startsWith('close'))
  await until(async () => (await closes()).length > 0, 5000, 'the end of the grace')
  t.same(await closes(), ['close session_expired'])

  const back = await openLink(cluster.url, session, 'websocket')
  back.hello()
  t.match((await back.next('gone')).gone, { code: 'session_expired', handled: 6, taken: 6 })
  for (const l of [observer, back]) l.close()
})

t.test(
  'an outbox that overflows ends its session with that reason, on a live link and on a lost one',
  async (t) => {
    const cluster = await startCluster(t, { app: 'field', args: ['--outbox-bytes', '20000'] })
    const observer = await openLink(cluster.url, new PeerSession(cluster.segmentOn(1)), 'websocket')
    await observer.enter()
    const session = new PeerSession(cluster.segmentOn(1))
    const link = await openLink(cluster.url, session, 'websocket')
    const { id } = await link.enter()
    await ask(link, 'enter', 'room')
    link.close()
    await until(async () => (await diary(observer, id)).includes('suspend'), 5000, 'suspend')
    for (let i = 0; i < 30; i++) observer.emit('say', 'room', i, 'x'.repeat(1000))
    await until(
      async () => (await diary(observer, id)).includes('close outbox_overflow'),
      5000,
      'the overflow',
    )
    const back = await openLink(cluster.url, session, 'websocket')
    back.hello()
    t.match((await back.next('gone')).gone, { code: 'outbox_overflow' })
    const again = new PeerSession(session.segment)
    const welcome = await openLink(cluster.url, again, 'websocket').then((l) =>
      l.enter().finally(() => l.close()),
    )
    t.not(welcome.id, id)

    const live = await openLink(cluster.url, new PeerSession(cluster.segmentOn(1)), 'websocket')
    const { id: liveId } = await live.enter()
    live.emit('send', 30, 1000)
    t.match((await live.next('gone')).gone, { code: 'outbox_overflow', handled: 1, taken: 1 })
    t.same(await diary(observer, liveId), ['open', 'close outbox_overflow'])
    for (const l of [observer, back, live]) l.close()
  },
)

nothingLeft(t)
