/**
 * About 70 cuts over long polling, where requests get lost and answers too, and a balancer sends again what it believes
 * lost: behind counted bytes of a short conversation, then at random under load.
 */
import t from 'tap'
import { prove } from '../support/journeys.ts'
import { nothingLeft } from '../support/nothing-left.ts'

t.test('polling', async (t) => {
  const { atRandom } = await prove(t, 'polling', { stride: 150, clients: 6, cuts: 50, limitMs: 20_000 })
  t.ok(atRandom.reissued > 0, 'requests were sent again')
})

nothingLeft(t)
