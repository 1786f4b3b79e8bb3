import t from 'tap'
import { type Entered, type Person, ROOM_MAX, ROOMS_MAX, type Said } from '../../../lib/chat/events.ts'
import { Members } from '../../../lib/chat/page/members.ts'
import { keyOf, Room } from '../../../lib/chat/page/room.ts'
import { Rooms } from '../../../lib/chat/page/rooms.ts'

const said = (ref: string | number, from = 'b'): Said => ({
  ...{ room: 'pool', from, name: from, ref: String(ref), text: String(ref), at: 0, file: null },
})
const answer = (lines: Said[], more: Partial<Entered> = {}): Entered => ({
  ...{ lines, before: 1, earlier: 'none', members: [], ...more },
})
const refs = (lines: readonly Said[]): string[] => lines.map(({ ref }) => ref)
const isOwn = (id: string): boolean => id === 'a'

function entered(lines: Said[], read: string | null = null): Room {
  const room = new Room('pool')
  room.asks()
  room.entered(answer(lines), read, isOwn)
  return room
}

t.test('history and what comes before it: each line once, in order', async (t) => {
  const room = new Room('pool')
  room.asks()
  t.notOk(room.said(said(2), true), 'not yet')
  t.notOk(room.said(said(3), true))
  t.same(room.entered(answer([said(1), said(2)]), null, isOwn), { kind: 'all' })
  t.same(refs(room.lines), ['1', '2', '3'])
  t.notOk(room.said(said(3), true), 'known')
  t.ok(room.said(said(3, 'c'), true), "another one's")
  t.equal(room.unread, 0)
})

t.test('entered again, in a new session: what is known stays', async (t) => {
  const room = entered([said(1), said(2)])
  room.asks()
  const more = { kind: 'more', lines: [said(3)] } as const
  t.same(room.entered(answer([said(2), said(3)], { before: 2, earlier: 'more' }), null, isOwn), more)
  t.same(refs(room.lines), ['1', '2', '3'])
  t.same([room.before, room.earlier], [1, 'none'])
})

t.test('entered again behind a gap: what is known goes', async (t) => {
  const room = entered([said(1), said(2)])
  room.asks()
  t.same(room.entered(answer([said(8), said(9)], { before: 8, earlier: 'more' }), null, isOwn), {
    kind: 'all',
  })
  t.same([refs(room.lines), room.before, room.earlier], [['8', '9'], 8, 'more'])
})

t.test('the latest question counts, and nothing is lost where nobody answers', async (t) => {
  const room = new Room('pool')
  const first = room.asks()
  room.said(said(1), true)
  const second = room.asks()
  t.same([room.isLatest(first), room.isLatest(second)], [false, true])
  t.same(refs(room.answered()), ['1'])
  t.ok(room.said(said(2), true))
  t.same(refs(room.lines), ['1', '2'])
})

t.test('unread lines, and the mark before the first of them', async (t) => {
  const room = entered([said(1)])
  room.said(said(2), true)
  t.same([room.unread, room.mark], [0, null])
  room.said(said(3), false)
  room.said(said(4), false)
  t.same([room.unread, room.mark], [2, keyOf(said(3))])
  room.unmark()
  t.equal(room.mark, keyOf(said(3)), 'nobody has seen it')
  room.read()
  t.same([room.unread, room.mark], [0, keyOf(said(3))], 'the mark stays for the eye')
  room.unmark()
  t.equal(room.mark, null)
  room.said(said(5), false)
  t.same([room.unread, room.mark], [1, keyOf(said(5))])
})

t.test('what came since an earlier page is unread, but for what one said oneself', async (t) => {
  const lines = [said(1), said(2), said(3, 'a'), said(4)]
  t.same([entered(lines).unread, entered(lines, keyOf(said(4))).unread], [0, 0])
  const room = entered(lines, keyOf(said(1)))
  t.same([room.unread, room.mark], [2, keyOf(said(2))])
  t.equal(entered(lines, 'x/gone').unread, 3)
})

t.test('older lines, and a bound', async (t) => {
  const room = entered([said(3)])
  t.same(refs(room.prepend({ lines: [said(1), said(2), said(3)], before: 1, earlier: 'forgotten' })), [
    '1',
    '2',
  ])
  t.same([refs(room.lines), room.earlier], [['1', '2', '3'], 'forgotten'])
  for (let i = 4; i <= 502; i++) room.said(said(i), true)
  t.same([room.lines.length, room.lines[0]?.ref], [500, '3'])
  t.equal(room.earlier, 'forgotten')
})

t.test('members: an answer, and what was told while it was on its way', async (t) => {
  const person = (id: string, name = id): Person => ({ id, name, away: false })
  const members = new Members()
  let tell: (people: Person[]) => void = () => {}
  const renewed = members.renew(
    new Promise((resolve) => {
      tell = resolve
    }),
  )
  members.here(person('c', 'Cy'))
  members.gone('b')
  tell([person('b', 'Bob'), person('a', 'Ann')])
  await renewed
  t.same(
    members.list().map(({ name }) => name),
    ['Ann', 'Cy'],
  )
  await t.rejects(members.renew(Promise.reject(new Error('no answer'))), /no answer/)
  t.same([members.count, members.of('c')?.name, members.of('b')], [2, 'Cy', undefined])
})

class Memory {
  text: string | null
  constructor(text: string | null = null) {
    this.text = text
  }
  getItem(): string | null {
    return this.text
  }
  setItem(_: string, text: string): void {
    this.text = text
  }
}

t.test('rooms outlive the page, with what was read', async (t) => {
  const storage = new Memory()
  const rooms = new Rooms(storage, 'pool')
  rooms.current.asks()
  rooms.current.entered(answer([said(1), said(2)]), null, isOwn)
  rooms.current.said(said(3), false)
  rooms.show('reef')
  t.equal(rooms.unreadElsewhere, 1)
  rooms.save()

  const next = new Rooms(storage, 'reef')
  t.same(
    next.list().map(({ name }) => name),
    ['pool', 'reef'],
  )
  t.same([next.lastRead('pool'), next.lastRead('reef')], [keyOf(said(2)), null])
  next.save()
  t.equal(new Rooms(storage, 'reef').lastRead('pool'), keyOf(said(2)), 'an unanswered page forgets nothing')
  next.remove('reef')
  t.ok(next.get('reef'), 'not the one that is shown')
  next.remove('pool')
  next.save()
  t.equal(new Rooms(storage, 'reef').get('pool'), undefined)
})

t.test('leaving a room takes its mark, if it was read', async (t) => {
  const rooms = new Rooms(null, 'pool')
  const pool = rooms.current
  pool.asks()
  pool.entered(answer([]), null, isOwn)
  pool.said(said(1), false)
  rooms.show('reef')
  t.equal(pool.mark, keyOf(said(1)))
  rooms.show('pool').read()
  rooms.show('reef')
  t.equal(pool.mark, null)
})

t.test('whatever the storage holds', async (t) => {
  const odd = ['', '{', 'null', '7', '{"name":"x"}', '[null,7,{},{"name":7},{"name":""}]']
  for (const text of odd) t.equal(new Rooms(new Memory(text), 'pool').list().length, 1, text)
  t.equal(
    new Rooms(new Memory(JSON.stringify([{ name: 'x'.repeat(ROOM_MAX + 1) }])), 'pool').list().length,
    1,
  )
  const many = Array.from({ length: 100 }, (_, i) => ({ name: `room ${i}`, read: 7 }))
  const rooms = new Rooms(new Memory(JSON.stringify(many)), 'pool')
  t.equal(rooms.list().length, ROOMS_MAX, 'no more than may be entered')
  t.equal(rooms.lastRead('room 1'), null)
})
