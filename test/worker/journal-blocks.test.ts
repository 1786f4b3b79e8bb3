import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { checksumOfItem } from '../../lib/bus/check.ts'
import { BLOCK_HEAD, type BlockKind, BlockReader, MAGIC, sealBlock } from '../../lib/worker/journal-blocks.ts'
import { forAll } from '../support/for-all.ts'

const path = join(t.testdir(), 'blocks')

function block(kind: BlockKind, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(BLOCK_HEAD + body.length)
  bytes.set(body, BLOCK_HEAD)
  sealBlock(bytes, kind)
  return bytes
}

/** What a reader makes of a file of these bytes. */
function read(...parts: readonly Uint8Array[]) {
  const bytes = Buffer.concat(parts)
  fs.writeFileSync(path, bytes)
  const fd = fs.openSync(path, 'r')
  try {
    const reader = new BlockReader(fd, bytes.length)
    const { genuine } = reader
    const blocks: [BlockKind, string][] = []
    for (let next = reader.next(); next; next = reader.next()) {
      blocks.push([next.kind, next.body.toString('latin1')])
      assert.equal(reader.position, next.end)
    }
    return { genuine, blocks, tail: reader.tail, position: reader.position }
  } finally {
    fs.closeSync(fd)
  }
}

const kinds = fc.constantFrom<BlockKind>('about', 'part', 'whole', 'turn')
const bodies = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(new Uint8Array(3000).fill(7)))
const blocksOf = fc.array(fc.tuple(kinds, bodies), { minLength: 1, maxLength: 6 })

const sealed = (blocks: readonly (readonly [BlockKind, Uint8Array])[]): Buffer[] =>
  blocks.map(([kind, body]) => block(kind, body))
const asRead = (blocks: readonly (readonly [BlockKind, Uint8Array])[]): [BlockKind, string][] =>
  blocks.map(([kind, body]) => [kind, Buffer.from(body).toString('latin1')])

t.test('reads what was sealed', async (t) => {
  forAll(
    t,
    [blocksOf],
    (blocks) => {
      const all = sealed(blocks)
      const size = Buffer.concat([MAGIC, ...all]).length
      const expected = { genuine: true, blocks: asRead(blocks), tail: 'clean', position: size }
      assert.deepEqual(read(MAGIC, ...all), expected)
    },
    40,
  )
})

t.test('blocks larger than what is read at once, and on its edges', async (t) => {
  const mebibyte = 1024 * 1024
  const sizes = [mebibyte - MAGIC.length - BLOCK_HEAD, 3, mebibyte - BLOCK_HEAD - 5, 2 * mebibyte + 9, 0, 1]
  const blocks = sizes.map((size, i) => ['turn', new Uint8Array(size).fill(65 + i)] as const)
  const { blocks: heard, tail } = read(MAGIC, ...sealed(blocks))
  t.same(
    heard.map(([, body]) => [body.length, body[0]]),
    sizes.map((size, i) => [size, size === 0 ? undefined : String.fromCharCode(65 + i)]),
  )
  t.equal(tail, 'clean')
})

t.test('cut off anywhere: torn, behind what is whole', async (t) => {
  forAll(
    t,
    [blocksOf, fc.nat()],
    (blocks, at) => {
      const all = sealed(blocks)
      const bytes = Buffer.concat([MAGIC, ...all])
      const cut = MAGIC.length + (at % (bytes.length - MAGIC.length))
      const ends = all.map((_, i) => MAGIC.length + Buffer.concat(all.slice(0, i + 1)).length)
      const whole = ends.filter((end) => end <= cut).length
      const { blocks: heard, tail, position } = read(bytes.subarray(0, cut))
      assert.deepEqual(heard, asRead(blocks.slice(0, whole)))
      assert.equal(position, [MAGIC.length, ...ends][whole])
      assert.equal(tail, position === cut ? 'clean' : 'torn')
    },
    40,
  )
})

t.test('a flipped bit anywhere: damaged, never torn; what is before it is read', async (t) => {
  forAll(
    t,
    [blocksOf, fc.nat(), fc.nat({ max: 7 })],
    (blocks, at, bit) => {
      const all = sealed(blocks)
      const bytes = Buffer.concat([MAGIC, ...all])
      const flipped = MAGIC.length + (at % (bytes.length - MAGIC.length))
      bytes[flipped]! ^= 1 << bit
      const ends = all.map((_, i) => MAGIC.length + Buffer.concat(all.slice(0, i + 1)).length)
      const before = ends.filter((end) => end <= flipped).length
      const { blocks: heard, tail } = read(bytes)
      assert.deepEqual(heard, asRead(blocks.slice(0, before)))
      assert.equal(tail, 'damaged')
    },
    100,
  )
})

t.test('what is no journal of this version', async (t) => {
  t.notOk(read(Buffer.from('limpet journal 2\n')).genuine)
  t.notOk(read(MAGIC.subarray(0, 5)).genuine)
  t.notOk(read().genuine)
  t.ok(read(MAGIC).genuine)
})

t.test('a kind that this version does not know is damage, though its sum is right', async (t) => {
  const known = block('turn', Buffer.from('x'))
  const unknown = Buffer.from(known)
  unknown[BLOCK_HEAD - 1] = 9
  unknown.writeUInt32LE(checksumOfItem(unknown.subarray(BLOCK_HEAD - 1)).crc, 4)
  t.match(read(MAGIC, known, unknown), { blocks: [['turn', 'x']], tail: 'damaged' })
})

t.test('a file that becomes shorter while it is read throws', async (t) => {
  const bytes = Buffer.concat([MAGIC, block('turn', new Uint8Array(100))])
  fs.writeFileSync(path, bytes.subarray(0, 60))
  const fd = fs.openSync(path, 'r')
  t.teardown(() => fs.closeSync(fd))
  t.throws(() => new BlockReader(fd, bytes.length).next(), { message: /became shorter/ })
})
