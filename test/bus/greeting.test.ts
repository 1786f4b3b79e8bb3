import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { BusHello } from '../../lib/bus/envelope.ts'
import { type GreetingView, judge } from '../../lib/bus/greeting.ts'
import { forAll } from '../support/for-all.ts'

const base = { epoch: 'me', about: 'you', taken: 5, base: 3, check: 77 }
const hello = {
  slot: 1,
  generation: 2,
  attempt: 1,
  epoch: 'you',
  about: 'me',
  taken: 6,
  check: 77,
  received: 4,
}

t.test('the same two memories go on', async (t) => {
  t.strictSame(judge(hello, base), { kind: 'continue' })
  t.strictSame(judge({ ...hello, taken: 9, received: 3 }, base), { kind: 'continue' })
})

t.test('counts that cannot be', async (t) => {
  t.strictSame(judge(hello, { ...base, check: null }), { kind: 'misfit' }, 'more than was sent')
  t.strictSame(judge({ ...hello, check: 78 }, base), { kind: 'misfit' }, 'other items')
  t.strictSame(judge({ ...hello, received: 2 }, base), { kind: 'misfit' }, 'what is already forgotten')
})

t.test('another memory', async (t) => {
  t.strictSame(judge({ ...hello, epoch: 'new' }, base), { kind: 'meet', reset: true })
  const unused = { ...base, taken: 0, base: 0 }
  t.strictSame(judge({ ...hello, epoch: 'new' }, unused), { kind: 'meet', reset: true })
  t.strictSame(judge(hello, { ...unused, about: '' }), { kind: 'meet', reset: false }, 'what waits is kept')
  t.strictSame(judge(hello, { ...base, about: '' }), { kind: 'meet', reset: true }, 'after a misfit')
  t.strictSame(judge({ ...hello, about: 'mine of old' }, unused), { kind: 'meet', reset: false })
})

t.test('both ends find the same, or one finds a misfit', async (t) => {
  const epoch = fc.constantFrom('a', 'b', 'c')
  const end = fc.record({
    epoch,
    about: fc.oneof(epoch, fc.constant('')),
    taken: fc.nat(3),
    base: fc.nat(2),
    check: fc.constantFrom(null, 1, 2),
  })
  const says = (view: GreetingView): BusHello => ({
    ...view,
    slot: 0,
    generation: 1,
    attempt: 1,
    received: view.taken,
    check: view.check ?? 0,
  })
  forAll(t, [end, end], (a, b) => {
    const meets = [judge(says(a), b), judge(says(b), a)].filter(({ kind }) => kind === 'meet')
    assert.ok(meets.length !== 1)
  })
})
