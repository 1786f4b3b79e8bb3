/** At least 200 random cuts over WebSocket: zero findings. */
import t from 'tap'
import { surviveCuts } from '../support/cuts.ts'
import { nothingLeft } from '../support/nothing-left.ts'

t.test('WebSocket', async (t) => {
  await surviveCuts(t, {
    clients: 8,
    cuts: 200,
    limitMs: 20_000,
    plan: { share: 1, lifeMs: 500, lifeBytes: 200_000 },
    client: { transports: ['websocket'], connectTimeoutMs: 1000 },
  })
})

nothingLeft(t)
