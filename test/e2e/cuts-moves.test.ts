/** About 70 cuts of sessions that move from polling to WebSocket and back, with frames in flight on both links. */
import t from 'tap'
import { prove } from '../support/journeys.ts'
import { nothingLeft } from '../support/nothing-left.ts'

t.test('moves', async (t) => {
  const { counted, atRandom } = await prove(t, 'moves', {
    stride: 120,
    clients: 6,
    cuts: 50,
    limitMs: 20_000,
  })
  t.ok(counted.skips + atRandom.skips > 20, 'frames came on the new link that the old one had brought')
})

nothingLeft(t)
