import { randomBytes } from 'node:crypto'
import t from 'tap'
import { isSegment, placeRoom, placeSegment, slotOfSid } from '../lib/placement.ts'

const key = Buffer.alloc(32, 7)

t.test('placement is the same everywhere, and for ever', async (t) => {
  // Fixed values: a change of the hash would move every session of a running installation.
  t.same(
    ['a', 'b', 'c', 'lobby'].map((text) => [placeSegment(key, text, 1000), placeRoom(key, text, 1000)]),
    [
      [765, 974],
      [883, 746],
      [24, 570],
      [82, 275],
    ],
  )
  t.not(placeSegment(key, 'a', 1 << 30), placeSegment(Buffer.alloc(32, 8), 'a', 1 << 30), 'keyed')
})

t.test('a room named after a segment lives with it', async (t) => {
  for (let i = 0; i < 50; i++) {
    const segment = randomBytes(16).toString('base64url')
    const slot = placeSegment(key, segment, 1000)
    for (const room of [`{${segment}}`, `{${segment}}/moves`, `{${segment}}{x}`])
      t.equal(placeRoom(key, room, 1000), slot)
  }
  const longest = 'x'.repeat(64)
  t.equal(placeRoom(key, `{${longest}}`, 1000), placeSegment(key, longest, 1000))
  // No segment has these names, or they do not begin with one.
  const others = {
    '{}': '',
    '{a b}': 'a b',
    'x{a}': 'a',
    '{a': 'a',
    a: 'a',
    [`{${longest}x}`]: `${longest}x`,
  }
  for (const [room, segment] of Object.entries(others))
    t.not(placeRoom(key, room, 1 << 30), placeSegment(key, segment, 1 << 30), room)
})

t.test('every slot gets its share', async (t) => {
  const counts = new Array<number>(8).fill(0)
  for (let i = 0; i < 8000; i++) counts[placeSegment(key, `client-${i}`, 8)]!++
  for (const count of counts) t.ok(count > 850 && count < 1150, `${count} of 1000`)
  t.equal(placeSegment(key, 'x', 1), 0)
})

t.test('segments', async (t) => {
  for (const good of ['a', 'A-_9', 'x'.repeat(64), randomBytes(16).toString('base64url')])
    t.ok(isSegment(good), good)
  for (const bad of ['', 'x'.repeat(65), 'a b', 'a/b', 'ä', 'a\n', '%41', 'a.b']) t.notOk(isSegment(bad), bad)
})

t.test('the slot inside an engine.io sid', async (t) => {
  t.equal(slotOfSid('0-abc'), 0)
  t.equal(slotOfSid(`17-${randomBytes(15).toString('base64url')}`), 17)
  for (const bad of [
    '',
    '3',
    '-a',
    '03-a',
    '1-',
    '1-a b',
    '+1-a',
    '99999-a',
    '1-a\n',
    'abc',
    `1-${'a'.repeat(65)}`,
  ])
    t.equal(slotOfSid(bad), null, bad)
})
