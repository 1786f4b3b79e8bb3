import t from 'tap'
import { encodeEvent } from '../../lib/wire/frames.ts'
import type { HistoryOptions } from '../../lib/worker/api.ts'
import { pageOf, rangeOf } from '../../lib/worker/history-page.ts'

t.test('what may be asked for', async (t) => {
  const newest = { limit: 50, before: Number.MAX_SAFE_INTEGER }
  for (const nothing of [undefined, null, {}]) t.same(rangeOf(nothing as HistoryOptions), newest)
  t.same(rangeOf({ limit: 1, before: 1 }), { limit: 1, before: 1 })
  t.same(rangeOf({ limit: 100 }), { ...newest, limit: 100 })
  const wrong: unknown[] = [
    ...[0, -1, 101, 1.5, Number.NaN, '5', null, 5n].map((limit) => ({ limit })),
    ...[0, -1, 1.5, 2 ** 53, Number.NaN, '5', null].map((before) => ({ before })),
    ...[7, 'x', true],
  ]
  for (const options of wrong)
    t.throws(() => rangeOf(options as HistoryOptions), { code: 'arguments_invalid' }, String(options))
})

t.test('a page as the application gets it', async (t) => {
  const entries = [
    { number: 4, frame: encodeEvent('said', ['a', new Uint8Array([1])]) },
    { number: 5, frame: encodeEvent('said', []) },
  ]
  t.same(pageOf({ kind: 'history', epoch: 'e', earlier: 'more', entries }), {
    epoch: 'e',
    earlier: 'more',
    entries: [
      { number: 4, name: 'said', args: ['a', new Uint8Array([1])] },
      { number: 5, name: 'said', args: [] },
    ],
  })
  t.equal(pageOf({ kind: 'history', epoch: '', earlier: 'none', entries: [] }).epoch, null)
  t.throws(() => pageOf({ kind: 'count', count: 1 }), { code: 'room_unavailable' }, 'another answer')
})
