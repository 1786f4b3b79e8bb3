import t from 'tap'
import { memoryOnly } from '../../lib/worker/journal.ts'

t.test('memory only: takes every batch and keeps nothing', async (t) => {
  t.equal(memoryOnly.write([{ type: 'forgotten', keyHash: 'x' }]), undefined)
  t.equal(memoryOnly.close(), undefined)
  t.same(Object.keys(memoryOnly), ['write', 'close'])
})
