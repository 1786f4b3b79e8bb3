/** A tab in the background: its timers run once a second, and what is said reaches it all the same. */
import t from 'tap'
import { startChromium } from '../support/chromium.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { Observer } from '../support/tab.ts'
import { pause, until } from '../support/until.ts'

const chromium = await startChromium()
const skip = chromium === null && 'no chromium here: apt-get install --no-install-recommends chromium'

t.test('a hidden tab', { skip }, async (t) => {
  const browser = chromium!
  t.teardown(() => browser.close())
  const cluster = await startCluster(t, {
    app: 'browser',
    args: ['--ping-interval-ms', '500', '--ping-timeout-ms', '2000'],
  })
  const observer = await Observer.start(cluster.url)
  t.teardown(() => observer.close())
  const tab = await browser.open(`${cluster.url}/`)
  await until(() => tab.evaluate<boolean>(`window.client?.state === 'connected'`), 10_000, 'connected')
  await tab.evaluate(`window.client.emitWithAck('enter')`)
  await tab.evaluate(`{
    window.ticks = []
    setInterval(() => window.ticks.push(performance.now()), 50)
  }`)
  const other = await browser.open('about:blank')
  await other.activate()
  await until(() => tab.evaluate<boolean>('document.hidden'), 5000, 'hidden')
  // Chromium slows a page's timers down some seconds after it was hidden.
  const isSlow = `window.ticks.length > 1 && window.ticks.at(-1) - window.ticks.at(-2) > 900`
  await until(() => tab.evaluate<boolean>(isSlow), 20_000, 'timers once a second')

  const said = Array.from({ length: 100 }, (_, n) => `hidden ${n}`)
  for (const text of said) {
    await observer.say(text)
    await pause(20)
  }
  await tab.evaluate(`window.client.emitWithAck('say', 'from behind')`)
  const seen = (): Promise<string[]> => tab.evaluate('window.log.seen')
  await until(async () => (await seen()).includes('from behind'), 10_000, 'what it said itself')
  t.same(await seen(), [...said, 'from behind'], 'all, once, in order')
  t.equal(await tab.evaluate('document.hidden'), true, 'hidden all the time')
  t.ok(await tab.evaluate(isSlow), 'and slow')
  t.same(await tab.evaluate('window.log.told'), ['connect'], 'its link lived on')

  // A link that dies while it is hidden: timers of a second are enough to come back.
  await tab.evaluate('window.client.cutLink()')
  await observer.say('while it had no link')
  await until(async () => (await seen()).at(-1) === 'while it had no link', 10_000, 'the way back')
  await tab.activate()
  await until(() => tab.evaluate<boolean>('!document.hidden'), 5000, 'in front again')
  await observer.say('in front')
  await until(async () => (await seen()).at(-1) === 'in front', 10_000, 'in front')
  t.same(await seen(), [...said, 'from behind', 'while it had no link', 'in front'])
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
