/** The chat's page in demo mode, and out of it. */
import type { Test } from 'tap'
import { type Person, SECONDS } from '../support/chat-person.ts'
import { until } from '../support/until.ts'

export async function demo(t: Test, ann: Person, bob: Person, url: string): Promise<void> {
  await t.test('a worker is killed: the session goes on in another process', async (t) => {
    const worker = async (): Promise<string | null> => ann.part('worker').textContent()
    await until(async () => /^\d+$/.test((await worker()) ?? ''), 10_000, 'the worker of Ann')
    const before = await worker()
    await ann.part('kill').click()
    for (let i = 0; i < 5; i++) await Promise.all([ann.say(`k${i}`), bob.say(`l${i}`)])
    await ann.page.getByText('Your worker was killed').waitFor(SECONDS)
    for (const person of [ann, bob])
      await until(async () => (await person.lines()).length === 30, 10_000, 'all lines')
    t.same(await ann.lines(), await bob.lines())
    await until(async () => (await worker()) !== before, 10_000, 'another worker')
    t.equal(await ann.part('survived').innerText(), '1')
    t.equal(await ann.part('lost').innerText(), 'nothing')
    await ann.part('kill').click()
    await ann
      .part('alert')
      .getByText(/just been born/)
      .waitFor(SECONDS)
  })

  await t.test('without demo mode nobody kills', async (t) => {
    await ann.page.route(`${url}/`, async (route) => {
      const response = await route.fetch()
      const html = await response.text()
      t.match(html, 'data-demo="on"')
      await route.fulfill({ response, body: html.replace('data-demo="on"', 'data-demo="off"') })
    })
    await ann.page.reload()
    await ann.link(/connected/)
    await ann.part('cut').waitFor(SECONDS)
    for (const name of ['kill', 'worker', 'survived']) t.notOk(await ann.part(name).isVisible(), name)
    await ann.page.unroute(`${url}/`)
    await ann.page.reload()
    await ann.part('kill').waitFor(SECONDS)
  })
}
