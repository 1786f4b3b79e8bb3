import t from 'tap'
import { RoomOrder } from './room-order.ts'

const PUBLISH = { room: 'r', worker: '0.1', homeSlot: 1, reader: null, except: [] }
const NOBODY = new Map()

type Story = (order: RoomOrder) => void

const published =
  (...ids: string[]): Story =>
  (order) => {
    for (const id of ids) order.published(id, PUBLISH)
  }
const placed =
  (...ids: string[]): Story =>
  (order) => {
    for (const id of ids) order.placed('1.1', 'r', order.lastOf('1.1', 'r') + 1, id, NOBODY)
  }
const homeDied: Story = (order) => {
  order.died(1, '1.1')
  order.reset('0.1', 1)
}
const joined: Story = (order) => {
  order.joinTaken('1.1', 'r', 's', 0, 1)
  order.published('own', { ...PUBLISH, reader: 's' })
}

const told = (...stories: Story[]): string[] => {
  const order = new RoomOrder()
  for (const story of stories) story(order)
  return [...order.findings, ...order.lost()]
}

/** What turns red, and what is like it and must not. */
const STORIES: [what: string, red: Story[], green: Story[]][] = [
  ['a publish is lost', [published('1')], [published('1'), placed('1')]],
  [
    'one behind the death of its worker',
    [(o) => o.died(0, '0.1'), published('1')],
    [published('1'), (o) => o.died(0, '0.1')],
  ],
  ['one behind the death of its home', [homeDied, published('1')], [published('1'), homeDied]],
  [
    'one of a home whose death its worker does not know',
    [published('1'), (o) => o.died(1, '1.1')],
    [published('1'), homeDied],
  ],
  ['a stream is forgotten', [(o) => o.reset('0.1', 1)], [homeDied]],
  ['two places', [published('1'), placed('1', '1')], [published('1', '2'), placed('1', '2')]],
  ['nobody published it', [placed('1')], [published('1'), placed('1')]],
  [
    'nor what was taken back',
    [published('1'), (o) => o.withdrawn('1'), placed('1')],
    [published('1'), (o) => o.withdrawn('1')],
  ],
  [
    'another order than its worker’s',
    [published('1', '2'), placed('2', '1')],
    [published('1', '2'), placed('1', '2')],
  ],
  [
    'a number is left out',
    [published('1'), (o) => o.placed('1.1', 'r', 2, '1', NOBODY)],
    [published('1'), (o) => o.placed('1.1', 'r', 1, '1', NOBODY)],
  ],
  [
    'a join does not come before what its session publishes',
    [joined, placed('own')],
    [joined, (o) => o.placed('1.1', 'r', 1, 'own', new Map([['s', 0]]))],
  ],
  [
    '… but for one whose worker was cut off',
    [(o) => o.cutOff('1.1', 0), joined, placed('own')],
    [joined, (o) => o.cutOff('1.1', 0), placed('own')],
  ],
]

for (const [what, red, green] of STORIES) {
  t.test(what, async (t) => {
    t.equal(told(...red).length, 1, 'found')
    t.same(told(...green), [])
  })
}
