import t from 'tap'
import { RoomHistory } from './room-history.ts'

type Story = (history: RoomHistory) => void

/** Worker 0 has session s, read by page p; worker 1 is the home of room r. */
const join: Story = (h) => h.joining('0.1', 's', 'r', false)
const watch: Story = (h) => h.joining('0.1', 's', 'r', true)
const taken: Story = (h) => h.order.joinTaken('1.1', 'r', 's', 0, h.order.lastOf('1.1', 'r') + 1)
const answered: Story = (h) => h.joined('s', 'r', h.order.lastOf('1.1', 'r') + 1)
const leave: Story = (h) => h.left('s', 'r')
const order =
  (id: string, except: string[] = []): Story =>
  (h) => {
    h.order.published(id, { room: 'r', worker: '1.1', homeSlot: 1, reader: null, except })
    h.order.placed('1.1', 'r', h.order.lastOf('1.1', 'r') + 1, id, new Map())
  }
const deliver =
  (id: string, number = Number(id)): Story =>
  (h) =>
    h.delivered('0.1', 'r', number, id)
const see =
  (...ids: string[]): Story =>
  (h) => {
    for (const id of ids) h.seen('p', 's', 'r', id)
  }
const notice =
  (what: 'joined' | 'left'): Story =>
  (h) => {
    h.noticed('0.1', 'r', { what, session: 'x' })
    h.seen('p', 's', 'r', { what, session: 'x' })
  }
const member = [join, taken, answered]
const all = [order('1'), deliver('1'), see('1')]

function told(rooms: string[], stories: readonly Story[], home = '1.1'): string[] {
  const history = new RoomHistory()
  for (const story of stories) story(history)
  return history.settle(
    [{ session: 's', reader: 'p', rooms }],
    () => home,
    (_room, session) => session === 'x',
  )
}

const IN = ['r']

/** What turns red, and what is like it and must not; where its worker has the session at the end. */
const STORIES: [what: string, rooms: string[], red: Story[], green: Story[]][] = [
  ['a member does not get it', IN, [...member, order('1')], [...member, ...all]],
  ['a reader does not see it', IN, [...member, order('1'), deliver('1')], [...member, ...all]],
  ['a reader sees it twice', IN, [...member, ...all, see('1')], [...member, ...all]],
  [
    'one is left out',
    IN,
    [...member, order('1'), order('2'), deliver('2'), see('2')],
    [order('1'), ...member, order('2'), deliver('2'), see('2')],
  ],
  [
    'one comes as another',
    IN,
    [...member, order('1'), deliver('1', 2)],
    [...member, order('1', ['s']), deliver('1')],
  ],
  [
    'it was left out',
    IN,
    [...member, order('1', ['s']), deliver('1'), see('1')],
    [...member, order('1', ['s']), deliver('1')],
  ],
  [
    'seen before the answer',
    IN,
    [join, taken, ...all, answered],
    [order('1'), join, taken, deliver('1'), answered],
  ],
  ['seen behind a leave', [], [...member, leave, ...all], [...member, leave, order('1'), deliver('1')]],
  [
    'an answer from before a leave does not count',
    [],
    [join, taken, leave, join, answered, ...all, answered, leave],
    [join, taken, leave, join, answered, order('1'), deliver('1'), taken, answered, leave],
  ],
  ['a join is not answered', [], [join, taken, leave], [...member, leave]],
  ['but by a home that was lost', [], [join, leave], [join, leave, (h) => h.unanswered('s', 'r')]],
  ['answered twice', IN, [...member, answered], member],
  ['answered with another place', IN, [join, taken, (h) => h.joined('s', 'r', 7)], member],
  ['its worker thinks otherwise', [], member, [...member, leave]],
  [
    'presence',
    IN,
    [watch, taken, answered, notice('left')],
    [watch, taken, answered, notice('left'), notice('joined')],
  ],
]

for (const [what, rooms, red, green] of STORIES) {
  t.test(what, async (t) => {
    t.not(told(rooms, red).length, 0, 'found')
    t.same(told(rooms, green), [])
  })
}

t.test('a lost home that nobody told of', async (t) => {
  t.match(told(IN, member, '1.2'), [/not told/])
  t.same(told([], [...member, (h) => h.ended('0.1', 's')], '1.2'), [])
})
