import t from 'tap'
import { Slots } from '../../lib/worker/slots.ts'

const LONG = 60_000

t.test('as many as the rate allows, the others in the order in which they asked', async (t) => {
  const clock = { now: 1000 }
  const slots = new Slots(10, 200, () => clock.now)
  const ask = (name: string) => slots.ask(name, LONG)
  t.same([ask('a'), ask('b'), ask('c')], [0, 0, 0], 'what 200 ms come to, and the one of now')
  t.same([ask('d'), ask('e')], [100, 200])
  t.same([ask('e'), ask('d')], [200, 100], 'who asks again keeps its moment')
  t.notOk(slots.idle)
  clock.now += 150
  t.equal(ask('f'), 150, 'behind those that were given one')
  t.equal(ask('d'), 0, 'its moment has come')
  t.equal(ask('d'), 250, 'once')
  clock.now += 1000
  t.equal(ask('e'), 0, 'also when it is late')
  t.same([ask('g'), ask('h'), ask('i'), ask('j')], [0, 0, 0, 100])
  clock.now += 60_000
  t.ok(slots.idle)
})

t.test('a moment that nobody comes for is forgotten', async (t) => {
  const clock = { now: 0 }
  const slots = new Slots(1, 0, () => clock.now)
  slots.ask('a', LONG)
  t.equal(slots.ask('b', LONG), 1000)
  clock.now = 31_001
  t.ok(slots.idle)
  t.equal(slots.ask('c', LONG), 0)
  t.equal(slots.ask('b', LONG), 1000, 'it asks as anybody')
})

t.test('nobody is sent away for too long, or holds memory for it', async (t) => {
  const clock = { now: 0 }
  const slots = new Slots(1000, 0, () => clock.now)
  const waits = Array.from({ length: 5000 }, (_, i) => slots.ask(String(i), 2000))
  t.equal(Math.max(...waits), 2000)
  t.same(waits.slice(0, 3), [0, 1, 2])
  // The first 2001 have moments of their own; each of the others has one in its next try.
  let rounds = 0
  for (let left = waits.map((_, i) => i); left.length > 0; rounds++) {
    left = left.filter((i) => slots.ask(String(i), 2000) > 0)
    clock.now += 2000
  }
  t.equal(rounds, 4)
})

t.test('those behind get what is left', async (t) => {
  const clock = { now: 0 }
  const behind = new Slots(10, 0, () => clock.now)
  const slots = new Slots(10, 0, () => clock.now, behind)
  t.same([slots.ask('a', LONG), slots.ask('b', LONG)], [0, 100])
  t.equal(behind.ask('c', LONG), 200)
  clock.now = 100
  t.equal(slots.ask('b', LONG), 0)
  t.equal(behind.ask('d', LONG), 200, 'a moment counts once')
  t.equal(slots.ask('e', LONG), 100, 'nobody is behind those')
})
