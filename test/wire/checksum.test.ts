import assert from 'node:assert/strict'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { checksum, roll } from '../../lib/wire/checksum.ts'
import { forAll } from '../support/for-all.ts'
import { anyText } from './sendable.ts'

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

t.test('known values', async (t) => {
  t.same(checksum(''), { crc: 0, size: 0 })
  t.same(checksum(new Uint8Array()), { crc: 0, size: 0 })
  t.same(checksum('123456789'), { crc: 0xcbf43926, size: 9 }, 'the check value of CRC-32/ISO-HDLC')
  t.same(checksum(utf8('123456789')), { crc: 0xcbf43926, size: 9 })
  t.same(checksum('The quick brown fox jumps over the lazy dog'), { crc: 0x414fa339, size: 43 })
  const long = 'The quick brown fox jumps over the lazy dog. é😀 '.repeat(3)
  t.same(checksum(long), { crc: 0xd7c68dd2, size: 156 }, 'as zlib of another language has it')
  t.same(checksum(utf8(long)), checksum(long))
  t.same(checksum(new Uint8Array(32).fill(0xff)), { crc: 0xff6cab0b, size: 32 })
})

t.test('a text has the checksum and size of its UTF-8', async (t) => {
  for (const text of [
    'é',
    '߿',
    'ࠀ',
    '￿',
    '😀',
    '\u{10ffff}',
    'a\ud83d',
    '\ud83da',
    '\ude00\ud83d',
    '\ud83d\ud83d\ude00',
  ])
    for (const padded of [text, text.padEnd(100, 'x'), text.padStart(100, 'x')])
      t.same(checksum(padded), checksum(utf8(padded)), JSON.stringify(padded))
  forAll(t, [anyText], (text) => assert.deepEqual(checksum(text), checksum(utf8(text))), 1000)
})

t.test('bytes have the checksum that zlib gives them', async (t) => {
  // Node has it since 20.15; it is newer than the types.
  const { crc32 } = zlib as { crc32?: (data: Uint8Array) => number }
  if (!crc32) return t.pass('this Node has no crc32; the known values must do')
  forAll(t, [fc.uint8Array({ maxLength: 300 })], (data) => {
    assert.deepEqual(checksum(data), { crc: crc32(data), size: data.length })
  })
})

t.test('the rolling check', async (t) => {
  t.equal(roll(0, 7), 7)
  t.equal(roll(1, 0), 16777619)
  const exact = (check: number, crc: number): number =>
    Number((BigInt(check) * 16777619n + BigInt(crc)) % 2n ** 32n)
  const word = fc.integer({ min: 0, max: 0xffffffff })
  forAll(t, [word, word], (check, crc) => assert.equal(roll(check, crc), exact(check, crc)))
})
