import t from 'tap'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'
import { start } from './start.ts'

t.test('in a page', async (t) => {
  class FakePage extends EventTarget {
    visible = true
    isVisible(): boolean {
      return this.visible
    }
    tell(name: string): void {
      this.dispatchEvent(new Event(name))
    }
  }
  const LATE = { reconnectDelayMs: 60_000, reconnectDelayMaxMs: 60_000 }

  for (const [gone, back] of [
    ['offline', 'online'],
    ['pagehide', 'pageshow'],
  ] as const) {
    t.test(`${gone} suspends, ${back} resumes at once`, async (t) => {
      const page = new FakePage()
      const { server, client, log } = await start(t, LATE, undefined, { page })
      const link = await server.link()
      await link.greet()
      await until(() => client.state === 'connected')
      page.tell(gone)
      t.equal(client.state, 'suspended')
      await link.closed
      page.tell(back)
      await (await server.link()).greet()
      await until(() => client.state === 'connected')
      t.same(log.slice(2, 5), ['state suspended', 'suspend', 'state recovering'])
    })
  }

  t.test('both must be back', async (t) => {
    const page = new FakePage()
    const { client } = await start(t, LATE, undefined, { page })
    page.tell('offline')
    page.tell('pagehide')
    page.tell('pageshow')
    t.equal(client.state, 'suspended')
    page.tell('online')
    t.equal(client.state, 'connecting')
  })

  t.test('online does not wait for the back-off', async (t) => {
    const page = new FakePage()
    const where = { page, random: () => 0.999 }
    const { server, client } = await start(t, LATE, undefined, where)
    const link = await server.link()
    await link.greet()
    link.cut()
    await until(() => client.state === 'recovering')
    page.tell('online')
    await server.link()
  })

  t.test('a change of network checks the link: another takes over without an interruption', async (t) => {
    const page = new FakePage()
    const { server, client, log } = await start(t, LATE, undefined, { page })
    const first = await server.link()
    await first.greet()
    await until(() => client.state === 'connected')
    page.tell('online')
    await (await server.link()).greet()
    await first.closed
    t.same(log, ['state connected', 'connect'])
  })

  t.test('a page that becomes visible checks a link that was silent', async (t) => {
    const page = new FakePage()
    let ahead = 0
    const where = { page, now: () => performance.now() + ahead }
    const { server, client } = await start(t, LATE, undefined, where)
    await (await server.link()).greet()
    await until(() => client.state === 'connected')
    page.visible = false
    ahead = 60_000
    page.tell('visibilitychange')
    page.visible = true
    ahead = 0
    page.tell('visibilitychange')
    t.equal(server.upgrades, 1)
    ahead = 60_000
    page.tell('visibilitychange')
    await server.link()
    t.equal(server.upgrades, 2)
  })

  t.test('a closed client no longer listens', async (t) => {
    const page = new FakePage()
    const { client, log } = await start(t, LATE, undefined, { page })
    client.close()
    page.tell('offline')
    page.tell('online')
    t.equal(client.state, 'closed')
    t.equal(log.length, 2)
  })
})

nothingLeft(t)
