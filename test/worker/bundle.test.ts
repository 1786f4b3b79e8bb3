import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Frame } from '../../lib/wire/frames.ts'
import { Bundle } from '../../lib/worker/bundle.ts'
import { forAll } from '../support/for-all.ts'

// Two of them are equal: a sequence is made of frames, not of what is in them.
const FRAMES = ['a', 'a', 'bb', '', new Uint8Array([1, 2, 3])].map((data) => new Frame(data))

t.test('the root is the empty sequence', async (t) => {
  const root = new Bundle(null, null)
  t.strictSame(root.frames(), [])
  t.equal(root.count, 0)
  t.equal(root.bytes, 0)
  t.equal(root.encoded, null)
})

t.test('the same frames in the same order are the same bundle, and no others are', async (t) => {
  const sequence = fc.array(fc.nat({ max: FRAMES.length - 1 }), { maxLength: 5 })
  forAll(t, [fc.array(sequence, { maxLength: 40 })], (sequences) => {
    const root = new Bundle(null, null)
    const bySequence = new Map<string, Bundle>()
    for (const sequence of sequences) {
      const frames = sequence.map((i) => FRAMES[i]!)
      const bundle = frames.reduce((bundle, frame) => bundle.with(frame), root)
      const held = bundle.frames()
      assert.equal(held.length, frames.length)
      for (const [i, frame] of frames.entries()) assert.equal(held[i], frame)
      assert.equal(bundle.count, frames.length)
      assert.equal(
        bundle.bytes,
        frames.reduce((sum, { size }) => sum + size, 0),
      )
      const key = sequence.join()
      assert.equal(bySequence.get(key) ?? bundle, bundle)
      bySequence.set(key, bundle)
    }
    assert.equal(new Set(bySequence.values()).size, bySequence.size)
  })
})
