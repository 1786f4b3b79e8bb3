import t from 'tap'
import { RoomPlaces } from '../../lib/worker/room-places.ts'

t.test('a room is placed once while it is asked for, and forgotten behind many others', async (t) => {
  const asked: string[] = []
  const places = new RoomPlaces((room) => {
    asked.push(room)
    return room.length
  })
  t.same(
    ['a', 'bc', 'a', 'bc'].map((room) => places.of(room)),
    [1, 2, 1, 2],
  )
  t.same(asked, ['a', 'bc'])
  for (let n = 0; n < 10_000; n++) {
    t.equal(places.of(`room ${n}`), `room ${n}`.length)
    places.of('a')
  }
  t.equal(asked.filter((room) => room === 'a').length, 1, 'asked for again and again')
  t.equal(places.of('bc'), 2)
  t.equal(asked.filter((room) => room === 'bc').length, 2, 'not asked for in between')
})
