/** A page's life in a real browser: whatever happens to it, nothing is lost, nothing comes twice. */
import type { Browser, BrowserContext, CDPSession } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchBrowser } from '../support/browser.ts'
import { type Cluster, startCluster, steadyPort } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { type FaultProxy, startProxy } from '../support/proxy.ts'
import { Observer, Tab, type TabOptions } from '../support/tab.ts'
import { pause } from '../support/until.ts'

/** How long the server is gone; 30000 for the whole of it. */
const GONE_MS = Number(process.env.GONE_MS ?? 1500)
const PROBES = ['--ping-interval-ms', '500', '--ping-timeout-ms', '1500']

const launched = await launchBrowser()
const skip = launched.browser === null ? launched.reason : false

t.test('the life of a page', { skip }, async (t) => {
  const browser = launched.browser!
  t.teardown(() => browser.close())
  const cluster = await startCluster(t, { app: 'browser', args: PROBES, port: await steadyPort() })
  const test = (what: string, act: Act, buffered: boolean): Promise<unknown> =>
    t.test(what, { buffered }, async (t) => {
      const observer = await Observer.start(cluster.url, what)
      t.teardown(() => observer.close())
      await act(t, new Life(browser, cluster, observer, what))
    })
  t.jobs = 4
  await Promise.all(CASES.map(([what, act]) => test(what, act, true)))
  for (const [what, act] of ALONE) await test(what, act, false)
  t.same(cluster.complaints(), [])
})

class Life {
  readonly cluster: Cluster
  readonly observer: Observer
  readonly browser: Browser
  readonly room: string

  constructor(browser: Browser, cluster: Cluster, observer: Observer, room: string) {
    this.room = room
    this.browser = browser
    this.cluster = cluster
    this.observer = observer
  }

  /** A context of its own, closed at the end of `t`. */
  async context(t: Test): Promise<BrowserContext> {
    const context = await this.browser.newContext()
    t.teardown(() => context.close())
    return context
  }

  async open(t: Test, options: TabOptions = {}, url = this.cluster.url): Promise<Tab> {
    return Tab.open(await this.context(t), 'the tab', url, { auth: this.room, ...options })
  }

  /** The server behind a proxy of one's own. */
  async proxied(t: Test): Promise<FaultProxy> {
    const proxy = await startProxy(this.cluster.port)
    t.teardown(() => proxy.stop())
    return proxy
  }

  /** Says `count` texts in a row, one every few milliseconds. */
  async talk(what: string, count: number): Promise<void> {
    for (let n = 1; n <= count; n++) {
      await this.observer.say(`${what} ${n}`)
      await pause(5)
    }
  }
}

type Act = (t: Test, life: Life) => Promise<void>

/** Side by side: each has a room, and a browser's context, of its own. */
const CASES: [what: string, act: Act][] = [
  ['a reload begins a new session', reloadAnew],
  ['a reload with storage goes on', reloadKept],
  ['another page, and back, by loading it again', leftAndLoaded],
  ['a duplicated tab has a session of its own', duplicated],
  ['a copy made while the page was put away', copiedWhileAway],
  ['the back button', backButton],
  ['a page that comes back behind another of its kind', backBehindAnother],
  ['offline and online', offline],
  ['WebSockets answered with 400', (t, life) => blocked(t, life, 'answer')],
  ['WebSockets swallowed', (t, life) => blocked(t, life, 'swallow')],
  ['two tabs on different workers', twoWorkers],
  ['a large message tells how much has left', upload],
]

/** What all others would feel. */
const ALONE: [what: string, act: Act][] = [
  ['a machine that sleeps', sleep],
  [`a server that is gone for ${GONE_MS} ms`, gone],
]

async function reloadAnew(t: Test, life: Life): Promise<void> {
  const tab = await life.open(t)
  const id = await tab.id()
  await tab.say('before the reload')
  await life.observer.agrees(t, [tab], ['before the reload'])
  await tab.page.reload()
  await tab.is('connected')
  t.not(await tab.id(), id)
  t.same(await tab.told(), ['connect'])
  t.equal(await tab.page.evaluate('Object.keys(sessionStorage).join()'), 'seen', 'the client keeps nothing')
  await life.observer.agrees(t, [tab], ['before the reload'])
}

async function reloadKept(t: Test, life: Life): Promise<void> {
  const tab = await life.open(t, { storage: true, farewell: 'farewell' })
  const id = await tab.id()
  const said: string[] = []
  for (const round of [1, 2]) {
    await life.observer.agrees(t, [tab], said)
    const talking = life.talk(`while it reloads, ${round}`, 60)
    await tab.say(`reloading, ${round}`)
    await tab.page.reload()
    await tab.is('connected')
    said.push(`reloading, ${round}`, 'farewell')
    await talking
    t.equal(await tab.id(), id, 'the same session')
    t.match(await tab.last('resume'), { samePage: false })
    t.notOk((await tab.told()).includes('connect'))
  }
  await life.observer.agrees(t, [tab])
  t.same(
    life.observer.heard.filter((text) => said.includes(text)),
    said,
    'what was said while the page was left, too',
  )
  t.notOk((await tab.page.evaluate<string>('Object.keys(sessionStorage).join()')).includes('limpet'))
  t.notOk(tab.page.url().includes(await keyOf(tab)), 'no key in the URL')
}

/** The session's key, as it is written down when the page is left. */
async function keyOf(tab: Tab): Promise<string> {
  await tab.page.evaluate(
    `addEventListener('pagehide', () => { for (const name of Object.keys(sessionStorage)) if (name.startsWith('limpet')) sessionStorage.setItem('copy', sessionStorage.getItem(name)) })`,
  )
  await tab.page.reload()
  await tab.is('connected')
  return JSON.parse(await tab.page.evaluate<string>(`sessionStorage.getItem('copy')`)).key
}

async function leftAndLoaded(t: Test, life: Life): Promise<void> {
  const tab = await life.open(t, { storage: true })
  await life.observer.agrees(t, [tab])
  const id = await tab.id()
  const url = tab.page.url()
  await tab.page.goto(`${life.cluster.url}/plain`)
  await life.observer.say('missed 1', 'missed 2')
  // Behind another origin its pages do not come back: they are loaded.
  await tab.page.goto(url)
  await tab.is('connected')
  t.equal(await tab.id(), id)
  await life.observer.agrees(t, [tab])
}

async function duplicated(t: Test, life: Life): Promise<void> {
  const tab = await life.open(t, { storage: true })
  await life.observer.agrees(t, [tab])
  const id = await tab.id()
  const copy = await copyOf(tab)
  await copy.is('connected')
  t.same(await copy.told(), ['connect'], 'a clean new session')
  t.not(await copy.id(), id)
  await tab.say('from the tab')
  await copy.say('from the copy')
  await life.observer.agrees(t, [tab, copy])
  t.same(await tab.told(), ['connect'], 'the tab was not disturbed')
  for (const one of [copy, tab]) await one.page.reload()
  for (const one of [copy, tab]) await one.is('connected')
  t.equal(await tab.id(), id)
  await life.observer.agrees(t, [tab, copy])
}

/** As the browser duplicates a tab: with a copy of its sessionStorage. */
async function copyOf(tab: Tab, url = tab.page.url()): Promise<Tab> {
  const [page] = await Promise.all([
    tab.page.context().waitForEvent('page'),
    tab.page.evaluate(`void window.open(${JSON.stringify(url)})`),
  ])
  return new Tab('the copy', page)
}

async function copiedWhileAway(t: Test, life: Life): Promise<void> {
  for (const first of ['the tab', 'the copy'] as const) {
    const tab = await life.open(t, { storage: true })
    await life.observer.agrees(t, [tab])
    const id = await tab.id()
    const url = tab.page.url()
    await tab.page.click('a')
    const copy = await copyOf(tab)
    const tabBack = async (): Promise<void> => {
      await tab.back()
      await tab.is('connected')
    }
    const copyThere = async (): Promise<void> => {
      await copy.page.goto(url)
      await copy.is('connected')
    }
    if (first === 'the tab') await tabBack().then(copyThere)
    else await copyThere().then(tabBack)
    const [owner, other] = first === 'the tab' ? [tab, copy] : [copy, tab]
    t.equal(await owner.id(), id, `${first} was first, and has the session`)
    t.not(await other.id(), id)
    t.notOk((await owner.told()).includes('discontinuity'))
    // The copy never had it. The tab had, and is told that it has no more.
    t.equal((await other.told()).includes('discontinuity'), other === tab)
    await life.observer.agrees(t, [owner, other])
  }
}

async function backButton(t: Test, life: Life): Promise<void> {
  for (const storage of [false, true]) {
    const tab = await life.open(t, { storage, farewell: `leaving, ${storage}` })
    await life.observer.agrees(t, [tab])
    const id = await tab.id()
    await tab.page.click('a')
    await life.observer.say('while it was put away 1', 'while it was put away 2')
    await tab.back()
    await tab.tells('resume')
    t.equal((await tab.log()).persisted, true, 'it was kept, not loaded')
    t.equal(await tab.id(), id)
    t.match(await tab.last('resume'), { samePage: true, missed: 2 })
    t.ok((await tab.log()).words.includes('back: 2 messages caught up'))
    await life.observer.agrees(t, [tab], [`leaving, ${storage}`])
  }
}

async function backBehindAnother(t: Test, life: Life): Promise<void> {
  const tab = await life.open(t, { storage: true })
  await life.observer.agrees(t, [tab])
  const id = await tab.id()
  // Another document of the same kind, not a jump within this one.
  const other = tab.page.url().replace('/#', '/?2#')
  await tab.page.goto(other)
  await tab.is('connected')
  t.equal(await tab.id(), id, 'the session goes on in the next page')
  await life.observer.say('seen by the next page')
  await tab.until('it', async () => (await tab.seen()).includes('seen by the next page'))
  await tab.back()
  await tab.until('the first page', async () => (await tab.log()).persisted === true)
  await tab.tells('resume')
  t.equal(await tab.id(), id, 'and comes back with the button')
  t.match(await tab.last('resume'), { samePage: false, missed: 0 })
  await life.observer.say('after all')
  await tab.until('it', async () => (await tab.seen()).at(-1) === 'after all')
  const seen = await tab.seen()
  t.notOk(seen.includes('seen by the next page'), 'it is told once')
  t.equal(seen.filter((text) => text === 'after all').length, 1)
}

async function offline(t: Test, life: Life): Promise<void> {
  const context = await life.context(t)
  const tab = await Tab.open(context, 'the tab', life.cluster.url, { auth: life.room })
  await life.observer.agrees(t, [tab])
  await context.setOffline(true)
  await tab.is('suspended')
  await life.observer.say('unheard 1', 'unheard 2', 'unheard 3', 'unheard 4')
  await tab.say('from afar')
  await tab.until('words', async () => (await tab.log()).words.includes('you are offline'))
  t.notOk(life.observer.heard.includes('from afar'))
  await context.setOffline(false)
  await tab.tells('resume')
  t.match(await tab.last('resume'), { missed: 4, replayed: 1, samePage: true })
  await tab.until('words', async () => (await tab.log()).words.includes('back: 4 messages caught up'))
  await life.observer.agrees(t, [tab], ['from afar'])
}

/** All processes of the browser stand still until the server has given the link up; their clocks have jumped then. */
async function sleep(t: Test, life: Life): Promise<void> {
  const tab = await life.open(t)
  await life.observer.agrees(t, [tab])
  const id = await tab.id()
  const cdp = await life.browser.newBrowserCDPSession()
  const pids = await processesOf(cdp)
  await cdp.detach()
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  try {
    await life.observer.say('asleep 1', 'asleep 2')
    await pause(3000)
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT')
  }
  await tab.tells('resume')
  t.equal(await tab.id(), id)
  await life.observer.agrees(t, [tab])
}

async function processesOf(cdp: CDPSession): Promise<number[]> {
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo')
  return processInfo.map(({ id }) => id)
}

async function blocked(t: Test, life: Life, how: 'answer' | 'swallow'): Promise<void> {
  const proxy = await life.proxied(t)
  proxy.rules.upgrades = how
  const tab = await life.open(t, { connectTimeoutMs: 1000 }, proxy.url)
  const open = async (transport: string): Promise<boolean> => (await carrierOf(tab)) === transport
  t.ok(await open('polling'), 'polling carries it')
  await life.observer.agrees(t, [tab])
  proxy.rules.upgrades = 'pass'
  const talking = life.talk(`moving, ${how}`, 100)
  await tab.say(`on the way, ${how}`)
  await tab.until('WebSocket again', () => open('websocket'))
  await talking
  t.same(await tab.told(), ['connect'], 'nothing was interrupted')
  await life.observer.agrees(t, [tab], [`on the way, ${how}`])
}

/** What the link that was welcomed last is made of: another one is closed when it is. */
async function carrierOf(tab: Tab): Promise<string | undefined> {
  const links = new Map<number, string>()
  for (const [what, details] of (await tab.log()).debug) {
    const { link = 0, transport = '' } = (details ?? {}) as { link?: number; transport?: string }
    if (what === 'link') links.set(link, transport)
    else if (what === 'link lost' || what === 'link closed') links.delete(link)
  }
  return links.size === 1 ? [...links.values()][0] : undefined
}

async function twoWorkers(t: Test, life: Life): Promise<void> {
  const context = await life.context(t)
  const tabs = await Promise.all(
    [0, 1].map((slot) =>
      Tab.open(context, `the tab on ${slot}`, life.cluster.url, {
        auth: life.room,
        segment: life.cluster.segmentOn(slot),
      }),
    ),
  )
  await life.observer.agrees(t, tabs)
  await Promise.all(tabs.map((tab, n) => tab.say(...Array.from({ length: 20 }, (_, i) => `tab ${n}, ${i}`))))
  await life.observer.agrees(t, tabs)
  for (const n of [0, 1]) {
    const texts = Array.from({ length: 20 }, (_, i) => `tab ${n}, ${i}`)
    t.same(
      life.observer.heard.filter((text) => text.startsWith(`tab ${n},`)),
      texts,
    )
  }
}

async function upload(t: Test, life: Life): Promise<void> {
  const proxy = await life.proxied(t)
  const tab = await life.open(t, { outboxBytes: 8 * 1024 * 1024 }, proxy.url)
  await life.observer.agrees(t, [tab])
  const bytes = 3 * 1024 * 1024
  // A slow way out: the kernel would take a fast one's megabytes at once.
  for (const connection of proxy.connections) connection.stall('up')
  await tab.page.evaluate(
    `void window.client.emitWithAck('weigh', new Uint8Array(${bytes})).then((size) => { window.size = size })`,
  )
  await tab.tells('progress')
  for (const connection of proxy.connections) connection.release('up')
  await tab.until('the answer', async () => (await tab.page.evaluate('window.size')) === bytes)
  const told = (await tab.log()).told.flatMap((entry) => (entry[0] === 'progress' ? [entry[1]] : []))
  t.match(told[0], { of: 'upload' })
  const last = told.at(-1) as { sent: number; total: number }
  t.equal(last.sent, last.total)
  t.ok(last.total >= bytes && last.total < bytes + 1000)
  await life.observer.agrees(t, [tab])
}

async function gone(t: Test, life: Life): Promise<void> {
  const { cluster, observer } = life
  const options = { reconnectDelayMs: 1000, reconnectDelayMaxMs: 2000 }
  const tab = await life.open(t, options)
  await observer.agrees(t, [tab])
  const id = await tab.id()
  await cluster.crash()
  await tab.tells('suspend')
  await tab.say('to nobody')
  await pause(GONE_MS)
  const { words } = await tab.log()
  t.ok(
    words.some((line) => /^reconnecting in [1-3] s$/.test(line)),
    words.join(),
  )
  cluster.again()
  await cluster.ready()
  await tab.tells('resume')
  t.equal(await tab.id(), id, 'the same session')
  await observer.agrees(t, [tab], ['to nobody'])
}

nothingLeft(t)
