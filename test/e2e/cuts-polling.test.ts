/** At least 200 random cuts over long polling, where requests get lost and answers too: zero findings. */
import t from 'tap'
import { surviveCuts } from '../support/cuts.ts'
import { nothingLeft } from '../support/nothing-left.ts'

t.test('polling', async (t) => {
  await surviveCuts(t, {
    clients: 8,
    cuts: 200,
    limitMs: 22_000,
    plan: { share: 1, lifeMs: 350, lifeBytes: 200_000 },
    client: { transports: ['polling'], connectTimeoutMs: 1000 },
  })
})

nothingLeft(t)
