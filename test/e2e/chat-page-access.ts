/** The chat's page for those who do without a mouse, or without a screen. */
import type { Test } from 'tap'
import { focusables, type Person, SECONDS } from '../support/chat-person.ts'

/** @param ann at a desk @param bob on a phone */
export async function access(t: Test, ann: Person, bob: Person): Promise<void> {
  await t.test('by keyboard alone', async (t) => {
    await ann.joins('reef')
    const walk: string[] = []
    while (walk.length < 40 && walk.at(-1) !== 'skip') {
      await ann.page.keyboard.press('Tab')
      walk.push(await ann.focus())
    }
    await ann.page.keyboard.press('Enter')
    t.equal(await ann.focus(), 'text')
    await ann.page.keyboard.type('by keys')
    await ann.page.keyboard.press('Enter')
    await bob.joins('reef')
    await bob.sees('by keys')
    while (walk.length < 80 && walk.at(-1) !== 'kill') {
      await ann.page.keyboard.press('Shift+Tab')
      walk.push(await ann.focus())
    }
    const rooms = ['reef', 'Leave cuts', 'wanted', 'Join', 'name', 'Rename']
    const wanted = ['skip', ...rooms, 'scroll', 'attach', 'Send', 'cut', 'kill']
    t.same(
      wanted.filter((name) => walk.includes(name)),
      wanted,
      walk.join(' '),
    )

    // On a phone the rooms are behind a button, and what the panel covers is out of reach.
    await bob.part('rooms-toggle').focus()
    await bob.page.keyboard.press('Enter')
    t.equal(await bob.focus(), 'rooms-close')
    t.equal(await bob.part('main').evaluate((main) => (main as HTMLElement).inert), true)
    await bob.page.keyboard.press('Escape')
    t.equal(await bob.focus(), 'rooms-toggle')
    await bob.page.keyboard.press('Enter')
    await bob.room('harbour').getByRole('link').focus()
    await bob.page.keyboard.press('Enter')
    await bob.part('title').getByText('harbour').waitFor(SECONDS)
    t.equal(await bob.focus(), 'text')
  })

  await t.test('everything has a name for screen readers, and enough contrast', async (t) => {
    // Somebody is away, and has something to say.
    await bob.page.context().setOffline(true)
    await bob.link(/you are offline/)
    await bob.say('for later')
    await ann.person('Bob').getByText('reconnecting').waitFor(SECONDS)
    for (const person of [ann, bob]) {
      const found = await focusables(person.page)
      t.ok(found.length > 5)
      t.same(
        found.filter(({ name }) => name === ''),
        [],
      )
      for (const role of ['main', 'log', 'status'] as const)
        t.equal(await person.page.getByRole(role).count(), 1, role)
      for (const scheme of ['light', 'dark'] as const) {
        await person.page.emulateMedia({ colorScheme: scheme })
        t.same(await person.faint(), [], scheme)
      }
    }
    await bob.page.context().setOffline(false)
    await bob.link(/back/)
  })
}
