import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Deadlines } from '../../lib/worker/deadlines.ts'
import { forAll } from '../support/for-all.ts'

const START = 1_700_000_000_000

t.test('each is called once, not early, and at a look 50 ms late or sooner', async (t) => {
  const step = fc.oneof(
    fc.record({ setIn: fc.oneof(fc.integer({ min: -100, max: 300 }), fc.nat({ max: 1_000_000 })) }),
    fc.record({ wait: fc.oneof(fc.nat({ max: 120 }), fc.nat({ max: 2_000_000 })) }),
  )
  forAll(t, [fc.array(step, { maxLength: 80, size: 'max' })], (steps) => {
    const wheel = new Deadlines<{ at: number; latest: number }>()
    const held = new Set<{ at: number; latest: number }>()
    let now = START
    let looked = 0
    for (const step of steps) {
      if ('setIn' in step) {
        const at = now + step.setIn
        // One that is over already waits for the next look, as others do.
        const item = { at, latest: Math.max(at, looked) + 50 }
        held.add(item)
        wheel.set(item, at)
      } else {
        now += step.wait
        looked = now
        wheel.expire(now, (item) => {
          assert.ok(held.delete(item), 'once')
          assert.ok(item.at <= now, 'not early')
        })
        for (const { latest } of held) assert.ok(now < latest, 'not late')
      }
      assert.equal(wheel.empty, held.size === 0)
    }
  })
})

t.test('in the order of their deadlines, after a short sleep and a long one', async (t) => {
  for (const sleep of [500, 5_000_000]) {
    const wheel = new Deadlines<number>()
    wheel.expire(START, () => {})
    const delays = [400, 100, 300, 100, 200]
    for (const delay of delays) wheel.set(delay, START + delay)
    const called: number[] = []
    wheel.expire(START + sleep, (delay) => called.push(delay))
    t.strictSame(called, [100, 100, 200, 300, 400])
  }
})

t.test('whoever is called may set again: it is not called within the same look', async (t) => {
  const wheel = new Deadlines<string>()
  wheel.set('again', START)
  let calls = 0
  const again = (item: string): void => {
    calls += 1
    wheel.set(item, START)
  }
  for (const now of [START + 100, START + 100, START + 200]) wheel.expire(now, again)
  t.equal(calls, 2)
  t.notOk(wheel.empty)
})

t.test('a clock that stands still or goes back calls nobody', async (t) => {
  const wheel = new Deadlines<string>()
  wheel.expire(START, () => {})
  wheel.set('a', START + 100)
  wheel.expire(START, () => t.fail('early'))
  wheel.expire(START - 1_000_000, () => t.fail('early'))
  const called: string[] = []
  wheel.expire(START + 150, (item) => called.push(item))
  t.strictSame(called, ['a'])
})
