import t from 'tap'
import { type FindingKind, History } from './history.ts'

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

type Story = (h: History) => void

/** 1 and 2 are sent, then the rest happens. */
const two =
  (...rest: ((h: History) => void)[]): Story =>
  (h) => {
    for (const id of ['1', '2']) h.sent('a', id)
    for (const act of rest) act(h)
  }
const got =
  (...ids: string[]): Story =>
  (h) => {
    for (const id of ids) h.received('a', id)
  }
const lose: Story = (h) => h.discontinuity('a', 'session_expired')
const enter =
  (id: string): Story =>
  (h) =>
    h.session('a', id)
const all =
  (...stories: Story[]): Story =>
  (h) => {
    for (const story of stories) story(h)
  }
const asked: Story = (h) => h.sent('a', '1', '', true)
const owners =
  (...names: string[]): Story =>
  (h) => {
    for (const name of names) h.owner('s', name)
  }

/** What turns red, and what is like it and must not. */
const STORIES: [FindingKind, what: string, red: Story, green: Story][] = [
  ['lost', 'in a session that goes on', two(got('1')), two(got('1'), lose)],
  ['lost', 'a hole in a lost session', two(got('2'), lose), two(got('1'), lose, got('2'))],
  [
    'lost',
    'in the session after',
    all(enter('x'), lose, enter('y'), two(got('1'))),
    all(enter('x'), two(), lose, enter('y')),
  ],
  [
    'lost',
    'in a session the sender names',
    all(enter('x'), lose, enter('y'), (h) => h.sent('a', '1', '', false, 'y')),
    all(enter('x'), lose, enter('y'), (h) => h.sent('a', '1', '', false, 'x')),
  ],
  ['doubled', 'received twice', two(got('1', '2', '1')), two(got('1', '2'))],
  ['reordered', 'behind a later one', two(got('2', '1')), two(got('1', '2'))],
  [
    'reordered',
    'behind one of the same session',
    two(lose, got('2', '1')),
    // What a lost session had taken may be handled when the next one is at work.
    all(
      (h) => h.sent('a', '1'),
      lose,
      (h) => h.sent('a', '2'),
      got('2', '1'),
    ),
  ],
  [
    'reordered',
    'two handlers at once',
    two(
      got('1', '2'),
      (h) => h.handled('a', '2'),
      (h) => h.handled('a', '1'),
    ),
    two(
      got('1', '2'),
      (h) => h.handled('a', '1'),
      (h) => h.handled('a', '2'),
    ),
  ],
  ['phantom', 'never sent', got('1'), all(asked, got('1'), (h) => h.settled('a', '1', 'delivered'))],
  [
    'phantom',
    'sent in another session',
    all(enter('x'), lose, enter('y'), (h) => h.sent('a', '1', '', false, 'x'), got('1')),
    all(enter('x'), (h) => h.sent('a', '1', '', false, 'x'), got('1'), lose, enter('y')),
  ],
  [
    'altered',
    'other content',
    (h) => {
      h.sent('a', '1', 'x')
      h.received('a', '1', 'y')
    },
    (h) => {
      h.sent('a', '1', 'x')
      h.received('a', '1', 'x')
    },
  ],
  [
    'received after close',
    'too late',
    two(got('1'), (h) => h.closed('a'), got('2')),
    two(got('1', '2'), (h) => h.closed('a')),
  ],
  [
    'never settled',
    'a promise for ever',
    all(asked, got('1')),
    all(asked, got('1'), (h) => h.settled('a', '1', 'unknown')),
  ],
  [
    'settled twice',
    'two answers',
    all(
      asked,
      got('1'),
      (h) => h.settled('a', '1', 'delivered'),
      (h) => h.settled('a', '1', 'unknown'),
    ),
    all(
      asked,
      got('1'),
      (h) => h.settled('a', '1', 'delivered'),
      (h) => h.told('a', '1', 'unknown'),
    ),
  ],
  [
    'settled twice',
    'two discontinuities tell of it',
    two(
      lose,
      (h) => h.told('a', '1', 'unknown'),
      lose,
      (h) => h.told('a', '1', 'unknown'),
    ),
    two(lose, (h) => h.told('a', '1', 'unknown'), lose),
  ],
  [
    'told wrong',
    'a promise says not delivered',
    all(asked, got('1'), (h) => h.settled('a', '1', 'not_delivered')),
    all(asked, lose, (h) => h.settled('a', '1', 'not_delivered')),
  ],
  [
    'told wrong',
    'a discontinuity says delivered',
    two(lose, (h) => h.told('a', '1', 'delivered')),
    two(lose, (h) => h.told('a', '1', 'unknown')),
  ],
  [
    'told wrong',
    'delivered, and its handler was not done',
    two(
      got('1', '2'),
      (h) => h.handled('a', '1'),
      lose,
      (h) => h.told('a', '2', 'delivered'),
    ),
    two(
      got('1', '2'),
      (h) => h.handled('a', '1'),
      lose,
      (h) => h.told('a', '2', 'unknown'),
    ),
  ],
  [
    'discontinuity not told',
    'another session',
    all(enter('x'), enter('y')),
    all(enter('x'), enter('x'), lose, enter('y')),
  ],
  [
    'disagreement',
    'counts',
    all(enter('x'), (h) => h.discontinuity('a', 'count_mismatch'), enter('y')),
    all(enter('x'), lose, enter('y')),
  ],
  ['two owners', 'the fenced one acts', owners('1', '2', '1'), owners('1', '1', '2', '3')],
]

t.test('each kind of finding turns red, and what is like it stays green', async (t) => {
  for (const [kind, what, red, green] of STORIES) {
    t.same(kinds(red), [kind], `${kind}: ${what}`)
    t.same(kinds(green), [], `not ${kind}: ${what}`)
  }
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
  t.throws(() => history.told('a', '2', 'unknown'), /never sent/)
  t.notOk(history.complete())
})
