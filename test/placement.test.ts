import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { isSegment, placeRoom, placeSegment, slotOfSid } from '../lib/placement.ts'
import { checksum } from '../lib/wire/checksum.ts'
import { seeded } from './support/seed.ts'

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

t.test('whoever chooses segments without the key gets no more of one slot than chance', async (t) => {
  const { seed } = seeded(t)
  const secret = createHash('sha256').update(`key ${seed}`).digest()
  const [workers, count] = [8, 4000]
  const all = Array.from({ length: count * workers * 2 }, (_, i) => `s${i}`)
  /** Those that fall on slot 0 by a hash that anybody can compute. */
  const aimed = (slotOf: (segment: string) => number) =>
    all.filter((segment) => slotOf(segment) === 0).slice(0, count)
  const choices: Record<string, string[]> = {
    'one behind the other': all.slice(0, count),
    'with a long common beginning': all.slice(0, count).map((segment) => 'x'.repeat(50) + segment),
    'with a long common end': all.slice(0, count).map((segment) => segment.padEnd(60, '_')),
    'by CRC': aimed((segment) => checksum(segment).crc % workers),
    'by the bare hash': aimed(
      (segment) => createHash('sha256').update(`s${segment}`).digest().readUInt32BE(0) % workers,
    ),
    'by a key that is guessed': aimed((segment) => placeSegment(Buffer.alloc(32), segment, workers)),
    'by a key that differs in one bit': aimed((segment) => {
      const near = Buffer.from(secret)
      near[31]! ^= 1
      return placeSegment(near, segment, workers)
    }),
  }
  for (const [how, segments] of Object.entries(choices)) {
    const counts = new Array<number>(workers).fill(0)
    for (const segment of segments) counts[placeSegment(secret, segment, workers)]!++
    const mean = segments.length / workers
    const chi2 = counts.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0)
    t.equal(segments.length, count)
    // Of 7 degrees of freedom: past 48 once in 30 million.
    t.ok(chi2 < 48, `${how}: ${counts.join(' ')}`)
  }
  const own = aimed((segment) => placeSegment(secret, segment, workers))
  t.ok(
    own.every((segment) => placeSegment(secret, segment, workers) === 0),
    'with the key it is easy',
  )
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
