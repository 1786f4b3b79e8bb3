/** The chat's page in a room where much was said. */
import type { Test } from 'tap'
import type { ToClient, ToServer } from '../../lib/chat/events.ts'
import { connect } from '../../lib/client/index.ts'
import { type Person, SECONDS } from '../support/chat-person.ts'

export async function crowd(t: Test, ann: Person, url: string): Promise<void> {
  await t.test('many messages: pages of history, and the reader is not moved', async (t) => {
    const cy = connect<ToServer, ToClient>(url, { auth: { nick: 'Cy' } })
    t.teardown(() => cy.close())
    await cy.emitWithAck('enter', 'crowd')
    for (let i = 0; i < 70; i++) void cy.emitWithAck('say', 'crowd', `m${i}`, `r${i}`)
    t.ok(await cy.settled())
    await ann.joins('crowd')
    await ann.sees('m69')
    t.equal((await ann.lines()).length, 50)
    const top = (): Promise<number> => ann.line('m20').evaluate((row) => row.getBoundingClientRect().top)
    await ann.part('scroll').evaluate((scroll) => scroll.scrollTo(0, 0))
    await ann.part('fresh').getByText('To the end').waitFor(SECONDS)
    const before = await top()
    await ann.page.getByRole('button', { name: 'Earlier messages' }).click()
    await ann.page.getByText('The room begins here.').waitFor({ ...SECONDS, state: 'attached' })
    t.same(
      await ann.lines(),
      Array.from({ length: 70 }, (_, i) => `m${i}`),
    )
    t.ok(Math.abs((await top()) - before) < 60, 'but for the button and the name above the line')
    await cy.emitWithAck('say', 'crowd', 'below', 'r70')
    await ann.part('fresh').getByText('1 new message').click()
    await ann.sees('below')
    await ann.part('fresh').waitFor({ ...SECONDS, state: 'hidden' })
    t.equal(await ann.page.locator('li.new').count(), 1)
  })
}
