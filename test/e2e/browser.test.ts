/** The built-in chat in a real browser: two people on different workers, and one whose cable is pulled. */
import type { Browser, Page } from 'playwright-core'
import t from 'tap'
import { launchBrowser } from '../support/browser.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { type FaultProxy, startProxy } from '../support/proxy.ts'

const PROBES = ['--ping-interval-ms', '500', '--ping-timeout-ms', '500']
const SECONDS = { timeout: 8000 }

class Person {
  readonly page: Page
  readonly proxy: FaultProxy
  readonly errors: string[] = []

  constructor(page: Page, proxy: FaultProxy) {
    this.page = page
    this.proxy = proxy
    page.on('pageerror', (error) => this.errors.push(error.message))
  }

  part(name: string) {
    return this.page.locator(`[data-part="${name}"]`)
  }

  async say(text: string): Promise<void> {
    await this.part('text').fill(text)
    await this.part('text').press('Enter')
  }

  /** Waits until the last line is this one. */
  async sees(text: string): Promise<void> {
    await this.page.locator('li[data-key]', { hasText: text }).last().waitFor(SECONDS)
  }

  async link(words: RegExp): Promise<void> {
    await this.part('link').filter({ hasText: words }).waitFor(SECONDS)
  }

  /** The texts of the room as this page shows them. */
  async lines(): Promise<string[]> {
    return this.page.locator('li[data-key] > p').allInnerTexts()
  }
}

/** Opens the chat, again until the page's segment, which it draws itself, leads to another slot than `taken`. */
async function arrive(
  browser: Browser,
  cluster: Cluster,
  proxy: FaultProxy,
  taken: number,
): Promise<{ person: Person; slot: number }> {
  // A context of its own: what one page keeps must not reach the other.
  const context = await browser.newContext()
  for (;;) {
    const page = await context.newPage()
    const person = new Person(page, proxy)
    const socket = page.waitForEvent('websocket', SECONDS)
    await page.goto(`${proxy.url}/#reef`)
    const slot = cluster.slotOf(/\/api\/([^/?]+)/.exec((await socket).url())?.[1] ?? '')
    if (slot !== taken) {
      await person.link(/connected/)
      return { person, slot }
    }
    await page.close()
  }
}

const launched = await launchBrowser()
const skip = launched.browser === null ? launched.reason : false

t.test('two people, a cut link, a cable that is out for a while', { skip }, async (t) => {
  const browser = launched.browser!
  t.teardown(() => browser.close())
  const cluster = await startCluster(t, { args: PROBES })
  const proxies = [await startProxy(cluster.port), await startProxy(cluster.port)] as const
  t.teardown(() => Promise.all(proxies.map((proxy) => proxy.stop())))
  const { person: ann, slot } = await arrive(browser, cluster, proxies[0], -1)
  const { person: bob } = await arrive(browser, cluster, proxies[1], slot)
  for (const [person, name] of [
    [ann, 'Ann'],
    [bob, 'Bob'],
  ] as const) {
    await person.part('name').fill(name)
    await person.part('naming').getByRole('button').click()
  }
  await ann.part('people').getByText('Bob').waitFor(SECONDS)

  await ann.say('hello from <b>Ann</b>')
  await bob.sees('hello from <b>Ann</b>')
  await bob.say('hello back')
  await ann.sees('hello back')

  await bob.part('cut').click()
  await bob.link(/back: nothing missed/)

  // Bob's cable is out. What Ann says meanwhile waits for him, what he says waits in his page.
  bob.proxy.unplug()
  await bob.link(/reconnecting/)
  for (const text of ['one', 'two', 'three']) await ann.say(text)
  await ann.sees('three')
  await bob.say('from the dark')
  t.same((await bob.lines()).length, 2, 'nothing came through')
  bob.proxy.plug()
  await bob.link(/back: 3 messages caught up/)
  await ann.sees('from the dark')
  await bob.sees('from the dark')

  const expected = ['hello from <b>Ann</b>', 'hello back', 'one', 'two', 'three', 'from the dark']
  t.same(await ann.lines(), expected)
  t.same(await bob.lines(), expected, 'each once, in one order')

  // Who joins now sees the history.
  const { person: late } = await arrive(browser, cluster, proxies[0], -1)
  await late.sees('from the dark')
  t.same(await late.lines(), expected)
  t.same(
    [ann, bob, late].flatMap(({ errors }) => errors),
    [],
    'no error in any page',
  )
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
