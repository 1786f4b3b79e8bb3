/** At least 200 random cuts over long polling, where a connection carries a request and no more: zero findings. */
import t from 'tap'
import { surviveCuts } from '../support/cuts.ts'
import { nothingLeft } from '../support/nothing-left.ts'

t.test('polling', async (t) => {
  await surviveCuts(t, {
    clients: 6,
    cuts: 200,
    limitMs: 20_000,
    plan: { share: 0.2, lifeMs: 300, lifeBytes: 20_000 },
    client: { transports: ['polling'], connectTimeoutMs: 1000 },
  })
})

nothingLeft(t)
