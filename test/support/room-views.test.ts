import t from 'tap'
import { RoomViews, type ViewFindingKind } from './room-views.ts'

/** Two publishers, three messages, a member that is in all the time and one that joins behind the first. */
function clean(): RoomViews {
  const h = new RoomViews()
  h.entering('r', 'always', null)
  h.published('r', 'p', 'p/1')
  h.ordered('r', 'p/1')
  h.published('r', 'm', 'm/in')
  h.entering('r', 'm', 'm/in')
  h.published('r', 'p', 'p/2')
  h.ordered('r', 'm/in')
  h.ordered('r', 'p/2')
  return h
}

const see = (h: RoomViews, member: string, ...ids: string[]): void => {
  for (const id of ids) h.received('r', member, id)
}

const ALL = ['p/1', 'm/in', 'p/2']

t.test('clean views have no findings', async (t) => {
  const h = clean()
  see(h, 'always', ...ALL)
  t.notOk(h.complete(), 'the other member has not seen the end')
  see(h, 'm', 'm/in', 'p/2')
  t.ok(h.complete())
  t.same(h.membersOf('r'), ['always', 'm'])
  h.left('r', 'm')
  t.same(h.membersOf('r'), ['always'])
  // Asked for again before the leave is acknowledged: what comes until then belongs to the first time.
  h.entering('r', 'm', null)
  h.entering('r', 'm', null)
  h.left('r', 'm')
  h.published('r', 'p', 'p/3')
  h.ordered('r', 'p/3')
  for (const member of ['always', 'm']) see(h, member, 'p/3')
  t.same(h.findings(), [])
  t.same(h.totals(), { published: 4, ordered: 4, deliveries: 7, stays: 4 })
  h.leftAll('m')
  t.same(h.membersOf('r'), ['always'])
})

t.test('a stay may begin before the own message behind its join, and end anywhere', async (t) => {
  const h = clean()
  see(h, 'always', ...ALL)
  h.entering('r', 'early', 'm/in')
  h.left('r', 'early')
  h.left('r', 'm')
  t.same(h.findings(), [], 'nothing seen')
})

t.test('each kind of finding turns red', async (t) => {
  const views = (h: RoomViews, ...m: string[]): void => {
    see(h, 'always', ...ALL)
    see(h, 'm', ...m)
  }
  const cases: [ViewFindingKind, string, (h: RoomViews) => void][] = [
    [
      'lost',
      'p/3',
      (h) => {
        views(h, 'm/in', 'p/2')
        h.published('r', 'p', 'p/3')
      },
    ],
    [
      'doubled',
      'p/1',
      (h) => {
        views(h, 'm/in', 'p/2', 'p/1')
        see(h, 'always', 'p/1')
        h.ordered('r', 'p/1')
      },
    ],
    [
      'phantom',
      'x',
      (h) => {
        views(h, 'm/in', 'p/2', 'x')
        see(h, 'always', 'x')
        h.ordered('r', 'x')
      },
    ],
    [
      'reordered',
      'p/3',
      (h) => {
        for (const id of ['p/3', 'p/4']) h.published('r', 'p', id)
        views(h, 'm/in', 'p/2', 'p/4', 'p/3')
        see(h, 'always', 'p/4', 'p/3')
        for (const id of ['p/4', 'p/3']) h.ordered('r', id)
      },
    ],
    [
      'other order',
      'p/2',
      (h) => {
        see(h, 'always', 'p/1', 'p/2')
        see(h, 'm', 'm/in', 'p/2')
      },
    ],
    ['before join', 'p/1', (h) => views(h, ...ALL)],
    ['missed', 'm/in', (h) => views(h, 'p/2')],
    ['missed', 'p/2', (h) => views(h, 'm/in')],
    [
      'after leave',
      'p/2',
      (h) => {
        views(h, 'm/in')
        h.left('r', 'm')
        see(h, 'm', 'p/2')
      },
    ],
  ]
  for (const [kind, message, record] of cases) {
    const h = clean()
    record(h)
    t.same(
      h.findings().map((f) => [f.kind, f.message]),
      [[kind, message]],
      `${kind} ${message}`,
    )
  }
})

t.test('mistakes of the test itself throw', async (t) => {
  const h = clean()
  t.throws(() => h.published('r', 'p', 'p/1'))
  t.throws(() => h.left('r', 'nobody'))
})
