import t from 'tap'
import { Asks } from '../../lib/bus/asks.ts'
import type { Note } from '../../lib/bus/notes.ts'
import { nothingLeft } from '../support/nothing-left.ts'

const none = (): void => {}

t.test('a reply settles its question, once', async (t) => {
  const asks = new Asks(10_000)
  const first = asks.add(Uint8Array.of(1), 3, none)
  const second = asks.add(Uint8Array.of(2), 4, none)
  t.strictSame(
    asks.notes.map(({ after }) => after),
    [3, 4],
  )
  asks.settle(2, Uint8Array.of(22))
  asks.settle(2, Uint8Array.of(33))
  asks.settle(77, Uint8Array.of(33))
  t.strictSame(await second.reply, Uint8Array.of(22))
  asks.settle(1, null)
  await t.rejects(first.reply, { name: 'LimpetError', code: 'room_unavailable' })
  t.strictSame(asks.notes, [])
})

t.test('no reply in time', async (t) => {
  const expired: Note[] = []
  const asks = new Asks(5)
  const { note, reply } = asks.add(Uint8Array.of(1), 0, (note) => expired.push(note))
  await t.rejects(reply, { code: 'room_unavailable' })
  t.strictSame(expired, [note])
})

t.test('too many, and the end of all', async (t) => {
  const asks = new Asks(10_000)
  const replies = Array.from({ length: 4096 }, () => asks.add(new Uint8Array(0), 0, none).reply)
  const tooMany = asks.add(new Uint8Array(0), 0, none)
  t.equal(tooMany.note, null)
  await t.rejects(tooMany.reply, { code: 'room_unavailable' })
  asks.rejectAll()
  const results = await Promise.allSettled(replies)
  t.ok(results.every(({ status }) => status === 'rejected'))
})

nothingLeft(t)
