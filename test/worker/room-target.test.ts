import t from 'tap'
import { Target } from '../../lib/worker/room-target.ts'

t.test('a target narrows without changing the one it came from', async (t) => {
  const told: unknown[] = []
  const all = new Target((...what) => void told.push(what), 'room')
  const fewer = all.except('ann').except('bob', 'eve')
  const fleeting = fewer.volatile
  all.emit('said', 1, 2)
  fewer.emit('said')
  fleeting.emit('typing', { on: true })
  all.volatile.except('ann').emit('typing')
  all.emit('said')
  t.same(told, [
    ['room', 'event', 'said', [1, 2], []],
    ['room', 'event', 'said', [], ['ann', 'bob', 'eve']],
    ['room', 'volatile', 'typing', [{ on: true }], ['ann', 'bob', 'eve']],
    ['room', 'volatile', 'typing', [], ['ann']],
    ['room', 'event', 'said', [], []],
  ])
})

t.test('except takes session ids', async (t) => {
  const target = new Target(() => {}, 'room')
  t.throws(() => target.except(undefined as unknown as string), { code: 'arguments_invalid' })
})
