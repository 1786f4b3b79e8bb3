import t from 'tap'
import { Backoff, WebSocketPatience } from '../../lib/client/backoff.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

t.test('full jitter: anything from 0 to a ceiling that doubles up to its limit', async (t) => {
  const low = new Backoff(500, 10_000)
  const high = new Backoff(500, 10_000)
  const ceilings = Array.from({ length: 7 }, () => high.next('now', 1))
  t.same(ceilings, [500, 1000, 2000, 4000, 8000, 10_000, 10_000])
  t.same(
    Array.from({ length: 7 }, () => low.next('now', 0)),
    [0, 0, 0, 0, 0, 0, 0],
  )
  t.equal(low.next('now', 0.5), 5000)
})

t.test('it starts again with a welcome', async (t) => {
  const backoff = new Backoff(500, 10_000)
  for (let i = 0; i < 5; i++) backoff.next('now', 1)
  backoff.welcomed()
  t.equal(backoff.next('now', 1), 500)
})

t.test('later: at least the first delay, never more than the last', async (t) => {
  const backoff = new Backoff(500, 10_000)
  t.equal(backoff.next('later', 0), 500)
  for (let i = 0; i < 10; i++) t.ok(backoff.next('later', 1) <= 10_000)
})

t.test("the server's word counts, once, within reason", async (t) => {
  const backoff = new Backoff(500, 10_000)
  backoff.order(30_000)
  t.ok(backoff.ordered)
  t.equal(backoff.next('now', 0.1), 30_000)
  t.notOk(backoff.ordered)
  t.equal(backoff.next('now', 1), 500, 'a given slot is no failure')
  backoff.order(10)
  backoff.next('later', 1)
  t.equal(backoff.next('now', 1), 1000, 'nor does it take any back: only a welcome does')
  backoff.order(Number.MAX_SAFE_INTEGER)
  t.equal(backoff.next('now', 0), HOUR)
})

t.test('from polling to WebSocket', async (t) => {
  t.test('the first try comes after about a second', async (t) => {
    for (const random of [0, 0.5, 0.999]) {
      const patience = new WebSocketPatience()
      patience.polling(1000, random)
      t.ok(patience.notBefore >= 1500 && patience.notBefore <= 2000)
      const { notBefore } = patience
      patience.polling(1200, random)
      t.equal(patience.notBefore, notBefore, 'another polling link does not put it off')
    }
  })

  t.test('tries in vain double up to an hour', async (t) => {
    const patience = new WebSocketPatience()
    const waits = Array.from({ length: 14 }, () => {
      patience.failed(0, 1)
      return patience.notBefore
    })
    t.same(waits.slice(0, 4), [1000, 2000, 4000, 8000])
    t.equal(waits.at(-1), HOUR)
  })

  t.test(
    'a WebSocket that dies within 60 s of a move doubles the wait, a later death does not',
    async (t) => {
      const patience = new WebSocketPatience()
      patience.moved(0)
      patience.lost(59_999, 1)
      t.equal(patience.notBefore, 60_999)
      patience.moved(70_000)
      patience.lost(70_001, 1)
      t.equal(patience.notBefore, 72_001)
      patience.moved(80_000)
      patience.lost(140_000, 1)
      t.equal(patience.notBefore, 72_001)
      patience.polling(150_000, 1)
      t.equal(patience.notBefore, 151_000, 'and starts over')
    },
  )

  t.test('one that was not moved to may die as it likes', async (t) => {
    const patience = new WebSocketPatience()
    patience.lost(5, 1)
    t.equal(patience.notBefore, 0)
  })
})
