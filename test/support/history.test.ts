import t from 'tap'
import { type FindingKind, History, orderFindings } from './history.ts'

const kinds = (record: (h: History) => void): FindingKind[] => {
  const history = new History()
  record(history)
  return history.findings().map(({ kind }) => kind)
}

t.test('a clean history has no findings', async (t) => {
  const history = new History()
  history.session('a', 's1')
  for (const id of ['1', '2', '3']) history.sent('a', id, `content ${id}`, true)
  for (const id of ['1', '2', '3']) history.received('a', id, `content ${id}`)
  for (const id of ['1', '2', '3']) history.settled('a', id, 'delivered')
  history.session('a', 's1')
  history.closed('a')
  t.same(history.findings(), [])
  t.same(history.totals(), { sent: 3, received: 3 })
  t.ok(history.complete())
})

t.test('each kind of finding turns red', async (t) => {
  const two = (h: History): void => {
    h.sent('a', '1')
    h.sent('a', '2')
  }
  const cases: [FindingKind, (h: History) => void][] = [
    [
      'lost',
      (h) => {
        two(h)
        h.received('a', '2')
      },
    ],
    [
      'doubled',
      (h) => {
        two(h)
        for (const id of ['1', '2', '1']) h.received('a', id)
      },
    ],
    [
      'reordered',
      (h) => {
        two(h)
        h.received('a', '2')
        h.received('a', '1')
      },
    ],
    ['phantom', (h) => h.received('a', '1')],
    [
      'altered',
      (h) => {
        h.sent('a', '1', 'x')
        h.received('a', '1', 'y')
      },
    ],
    [
      'received after close',
      (h) => {
        h.sent('a', '1')
        h.closed('a')
        h.received('a', '1')
      },
    ],
    [
      'never settled',
      (h) => {
        h.sent('a', '1', '', true)
        h.received('a', '1')
      },
    ],
    [
      'settled twice',
      (h) => {
        h.sent('a', '1', '', true)
        h.received('a', '1')
        h.settled('a', '1', 'delivered')
        h.settled('a', '1', 'unknown')
      },
    ],
    [
      'settled wrong',
      (h) => {
        h.sent('a', '1', '', true)
        h.received('a', '1')
        h.settled('a', '1', 'not_delivered')
      },
    ],
    [
      'discontinuity not told',
      (h) => {
        h.session('a', 's1')
        h.session('a', 's2')
      },
    ],
  ]
  for (const [kind, record] of cases) t.same(kinds(record), [kind], kind)
})

t.test('settled as delivered and never received is wrong, also across a discontinuity', async (t) => {
  t.same(
    kinds((h) => {
      h.sent('a', '1', '', true)
      h.settled('a', '1', 'delivered')
      h.discontinuity('a')
    }),
    ['settled wrong'],
  )
})

t.test('a discontinuity excuses what was sent before it, and only that', async (t) => {
  t.same(
    kinds((h) => {
      h.session('a', 's1')
      h.sent('a', '1')
      h.discontinuity('a')
      h.session('a', 's2')
      h.sent('a', '2')
      h.received('a', '2')
    }),
    [],
  )
  t.same(
    kinds((h) => {
      h.discontinuity('a')
      h.sent('a', '1')
    }),
    ['lost'],
  )
})

t.test('streams do not mix, and a mistake of the test itself throws', async (t) => {
  t.same(
    kinds((h) => {
      h.sent('a', '1')
      h.received('b', '1')
    }),
    ['lost', 'phantom'],
  )
  const history = new History()
  history.sent('a', '1')
  t.throws(() => history.sent('a', '1'), /sent twice/)
  t.throws(() => history.settled('a', '2', 'unknown'), /never sent/)
  t.notOk(history.complete())
})

t.test('one order per room', async (t) => {
  const order = (...seen: string[]): string[] =>
    orderFindings(new Map(seen.map((ids, i) => [`m${i}`, [...ids]])))
  t.same(order('abcdef', 'cdef', 'cd', ''), [])
  t.same(order('abcdef', 'cedf'), ['m1 saw e where others saw d'])
  t.same(order('abcdef', 'abdef'), ['m1 saw d where others saw c'], 'a gap')
  t.same(order('abcdef', 'abb'), ['m1 saw b where others saw c'], 'a double')
  t.same(order('abcdef', 'xab'), ['m1 saw x where others saw a'], 'a phantom')
})
