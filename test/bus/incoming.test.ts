import t from 'tap'
import { Incoming } from '../../lib/bus/incoming.ts'
import { checksum, roll } from '../../lib/wire/checksum.ts'

t.test('taken, committed, told', async (t) => {
  const incoming = new Incoming(4, 77)
  t.equal(incoming.tell(), 4)
  t.equal(incoming.take(new Uint8Array(10)), 5)
  t.equal(incoming.check, roll(77, checksum(new Uint8Array(10)).crc))
  t.notOk(incoming.owed, 'not before the commit')
  t.equal(incoming.tell(), 4)
  t.throws(() => incoming.commit(6), RangeError)
  incoming.commit(5)
  incoming.commit(3)
  t.equal(incoming.committed, 5, 'an older count changes nothing')
  t.ok(incoming.owed)
  t.notOk(incoming.pressing)
  t.equal(incoming.tell(), 5)
  t.notOk(incoming.owed)
})

t.test('much is worth a write of its own', async (t) => {
  const items = new Incoming(0, 0)
  for (let i = 0; i < 64; i++) items.take(new Uint8Array(1))
  items.commit(63)
  t.notOk(items.pressing)
  items.commit(64)
  t.ok(items.pressing)

  const bytes = new Incoming(0, 0)
  bytes.take(new Uint8Array(32 * 1024))
  bytes.commit(1)
  t.ok(bytes.pressing)
  bytes.tell()
  t.notOk(bytes.pressing)
})

t.test('reset', async (t) => {
  const incoming = new Incoming(9, 77)
  incoming.reset()
  t.strictSame([incoming.taken, incoming.check], [0, 0])
  t.equal(incoming.take(new Uint8Array(1)), 1)
  incoming.commit(1)
  t.ok(incoming.owed)
})
