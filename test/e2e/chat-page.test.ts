/** The built-in chat in a real browser: Ann at a desk, Bob on a phone, on different workers; one server for all cases. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { launchBrowser } from '../support/browser.ts'
import { Person, pngOf, SECONDS } from '../support/chat-person.ts'
import { Cluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { startProxy } from '../support/proxy.ts'
import { until } from '../support/until.ts'
import { access } from './chat-page-access.ts'
import { crowd } from './chat-page-crowd.ts'
import { demo } from './chat-page-demo.ts'

/** Not the default: the limit of files follows the option. */
const PAYLOAD = 1_048_576
const PROBES = ['--ping-interval-ms', '500', '--ping-timeout-ms', '500']
const ARGS = ['--demo', '--payload-bytes', String(PAYLOAD), ...PROBES]

const launched = await launchBrowser()
const skip = launched.browser === null ? launched.reason : false

t.test('the chat', { skip, bail: true }, async (t) => {
  const browser = launched.browser!
  t.teardown(() => browser.close())
  const cluster = new Cluster({ args: ARGS })
  t.teardown(() => cluster.stop())
  await cluster.ready()
  const proxy = await startProxy(cluster.port)
  t.teardown(() => proxy.stop())
  const ann = await Person.arrive(browser, `${cluster.url}/#reef`, 'Ann', 1280, () => true)
  const other = (segment: string): boolean => cluster.slotOf(segment) !== cluster.slotOf(ann.segment)
  const bob = await Person.arrive(browser, `${proxy.url}/#reef`, 'Bob', 390, other)
  const both = [ann, bob]

  await t.test('names and presence', async (t) => {
    await ann.person('Bob').waitFor(SECONDS)
    t.equal(await ann.part('here').innerText(), '2 people here')
    for (const person of both)
      await person
        .part('rtt')
        .filter({ hasText: /^[\d.]+ ms$/ })
        .waitFor(SECONDS)
    t.equal(await bob.part('count').innerText(), '2')
    await ann.part('name').fill('Annika')
    await ann.part('name').press('Enter')
    await bob.page.getByText('Ann is now Annika').waitFor(SECONDS)
    await ann.say('hello')
    await bob.sees('hello')
    t.equal(await bob.line('hello').locator('b').innerText(), 'Annika')
  })

  await t.test('a server out of reach: in words, and nothing is lost', async (t) => {
    proxy.rules.plan = (connection) => connection.cut('rst')
    proxy.cutAll('rst')
    await bob.link(/reconnecting in \d+ s/)
    await ann.person('Bob').getByText('reconnecting').waitFor(SECONDS)
    for (const text of ['one', 'two', 'three', 'four']) await ann.say(text)
    await ann.sees('four')
    await bob.say('from the dark')
    t.same(await bob.lines(), ['hello'], 'nothing came through')
    proxy.rules.plan = null
    await bob.link(/back: 4 messages caught up/)
    await ann.sees('from the dark')
    await bob.sees('from the dark')
    const expected = ['hello', 'one', 'two', 'three', 'four', 'from the dark']
    for (const person of both) t.same(await person.lines(), expected, 'each once, in one order')
    t.equal(await bob.part('missed').textContent(), '4 messages')
    await ann
      .person('Bob')
      .getByText('reconnecting')
      .waitFor({ ...SECONDS, state: 'detached' })
  })

  await t.test('offline, and nothing moves when it is over', async (t) => {
    await bob.page.context().setOffline(true)
    await bob.link(/you are offline/)
    await ann.say('you there?')
    await ann.sees('you there?')
    for (const person of both) await person.shifts()
    await bob.page.context().setOffline(false)
    await bob.link(/back: 1 message caught up/)
    await bob.press('cut')
    await bob.link(/back: nothing missed/)
    await ann.press('cut')
    await ann.link(/back: nothing missed/)
    for (const person of both) t.same(await person.shifts(), [])
    await ann.pushDown()
    await until(async () => (await ann.shifts()).length > 0, 5000, 'a shift that is one')
  })

  await t.test('rooms, and what is unread in them', async (t) => {
    await ann.part('wanted').fill('harbour')
    await ann.part('wanted').press('Enter')
    await ann.page.getByText('Nothing has been said in harbour yet').waitFor(SECONDS)
    await bob.joins('harbour')
    await bob.joins('reef')
    for (const text of ['first', 'second', 'third']) await ann.say(text)
    await bob.page.waitForFunction(() => document.title === '(3) #reef · limpet', undefined, SECONDS)
    t.equal(await bob.part('elsewhere').innerText(), '3')
    await bob.part('rooms-toggle').click()
    t.match(await bob.room('harbour').getByRole('link').innerText(), /harbour\s+3\s+unread messages/)
    await bob.room('harbour').getByRole('link').click()
    await bob.sees('third')
    t.equal(await bob.page.locator('li.new + li').locator('p').innerText(), 'first', 'the mark')
    await bob.page.waitForFunction(() => document.title === '#harbour · limpet', undefined, SECONDS)

    // What comes while the page is closed is unread on the next one.
    await bob.page.close()
    await ann.page.getByText('Bob left').waitFor(SECONDS)
    await ann.say('while you were gone')
    await ann.sees('while you were gone')
    await bob.open(`${proxy.url}/#reef`)
    await bob.sees('you there?')
    await bob.page.waitForFunction(() => document.title === '(1) #reef · limpet', undefined, SECONDS)
    await bob.joins('harbour')
    t.equal(await bob.page.locator('li.new + li').locator('p').innerText(), 'while you were gone')

    await ann.joins('reef')
    await ann.room('harbour').getByRole('button', { name: 'Leave harbour' }).click()
    await bob.page.getByText('Annika left').waitFor(SECONDS)
    await ann.room('harbour').waitFor({ ...SECONDS, state: 'detached' })
  })

  await t.test('who is typing', async (t) => {
    await bob.joins('reef')
    await bob.part('text').pressSequentially('Hm')
    await ann.part('typing').getByText('Bob is typing…').waitFor(SECONDS)
    await bob.part('text').press('Enter')
    await ann.sees('Hm')
    t.equal(await ann.part('typing').innerText(), '')
  })

  await crowd(t, ann, cluster.url)

  await t.test('files both ways, up to the largest, while links are cut', async (t) => {
    for (const person of both) await person.joins('files')
    await ann.send('red.png', await pngOf(ann.page, '#ff0000'))
    await bob.page.locator('canvas[data-shown]').waitFor(SECONDS)
    const pixel = await bob.page.locator('canvas').evaluate((canvas) => {
      return [...(canvas as HTMLCanvasElement).getContext('2d')!.getImageData(150, 100, 1, 1).data]
    })
    t.same(pixel, [255, 0, 0, 255])

    const large = randomBytes(PAYLOAD)
    await bob.send('large.bin', large)
    await bob.page.getByRole('progressbar', { name: 'Sending large.bin' }).waitFor(SECONDS)
    await bob.press('cut')
    await bob.link(/back/)
    await ann.page.getByRole('button', { name: 'Save large.bin' }).waitFor(SECONDS)
    const saving = ann.saved('large.bin')
    await ann.press('cut')
    t.ok((await saving).equals(large), 'every byte')

    await ann.send('larger.bin', new Uint8Array(PAYLOAD + 1))
    await ann
      .part('alert')
      .getByText(/larger\.bin .* is the most/)
      .waitFor(SECONDS)
    await ann.page.keyboard.press('Escape')
    await ann
      .part('alert')
      .getByText(/larger/)
      .waitFor({ ...SECONDS, state: 'detached' })
    t.equal(await bob.page.locator('li[data-key] .file').count(), 2)
  })

  await t.test('what people write stays text, and files stay files', async (t) => {
    const evil = '<img src=x onerror=alert(1)>'
    for (const person of both) {
      person.page.on('dialog', (dialog) => {
        person.errors.push('a script of somebody ran')
        void dialog.dismiss()
      })
    }
    await bob.joins('<svg onload=alert(1)>')
    await ann.joins('<svg onload=alert(1)>')
    const elements = (person: Person) =>
      person.page.locator('img, svg, script, iframe, object, embed').count()
    const before = await elements(ann)
    await bob.renames(evil)
    await bob.say(`${evil}<script>alert(2)</script>`)
    await ann.sees(`${evil}<script>alert(2)</script>`)
    t.equal(await ann.line(evil).locator('b').innerText(), evil)
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="alert(3)"/>'
    await bob.send('<b>.svg', Buffer.from(svg))
    await bob.send('page.png', Buffer.from('<!doctype html><script>alert(4)</script>'))
    await ann.page.getByRole('button', { name: 'Save page.png' }).waitFor(SECONDS)
    t.equal(String(await ann.saved('<b>.svg')), svg)
    t.equal(await ann.page.locator('li[data-key] canvas').count(), 0)
    t.equal(await elements(ann), before)
    await bob.renames('Bob')
  })

  await t.test('links are cut while both talk: each message once, in one order', async (t) => {
    for (const person of both) await person.joins('cuts')
    for (let i = 0; i < 10; i++) {
      if (i % 3 === 1) await bob.press('cut')
      if (i % 4 === 2) await ann.press('cut')
      await Promise.all([ann.say(`a${i}`), bob.say(`b${i}`)])
    }
    for (const person of both)
      await until(async () => (await person.lines()).length === 20, 10_000, 'all lines')
    const lines = await ann.lines()
    t.same(await bob.lines(), lines)
    for (const who of ['a', 'b'])
      t.same(
        lines.filter((line) => line.startsWith(who)),
        Array.from({ length: 10 }, (_, i) => `${who}${i}`),
      )
    t.equal(await bob.part('lost').textContent(), 'nothing')
  })

  await demo(t, ann, bob, cluster.url)
  await access(t, ann, bob)

  for (const person of both) t.same(await person.complaints(), [], 'no error, and no violation of the policy')
  t.same(
    cluster.complaints().map(({ msg }) => msg),
    ['worker was killed by SIGKILL'],
  )
})

nothingLeft(t)
