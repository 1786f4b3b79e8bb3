import t from 'tap'
import { Batch } from '../../lib/bus/batch.ts'
import type { BusFigures } from '../../lib/bus/bus.ts'
import { EnvelopeReader, encodeAsk } from '../../lib/bus/envelope.ts'
import { Outgoing } from '../../lib/bus/outgoing.ts'
import { Frame } from '../../lib/wire/frames.ts'
import { Outbox } from '../../lib/wire/stream.ts'

function make(items: number) {
  const figures: BusFigures = {
    itemsSent: 0,
    itemsResent: 0,
    itemsReceived: 0,
    writes: 0,
    bytesSent: 0,
    peersConnected: 0,
    peersOverflowed: 0,
    cuts: 0,
  }
  const outbox = new Outbox<Frame>()
  for (let n = 1; n <= items; n++) outbox.append(new Frame(Uint8Array.of(n)))
  const outgoing = new Outgoing(0, 1000, figures)
  /** What leaves: items as their number, notes as `?id`. */
  const leaves = (budget = 1e6): (number | string)[] => {
    const batch = new Batch()
    outgoing.fill(batch, outbox, budget)
    const reader = new EnvelopeReader(1000)
    reader.push(batch.encode())
    const seen: (number | string)[] = []
    for (let next = reader.next(); next; next = reader.next())
      seen.push(next.type === 'item' ? next.bytes[0]! : next.type === 'ask' ? `?${next.id}` : next.type)
    return seen
  }
  const note = (id: number, after: number) => ({ after, bytes: encodeAsk(id, new Uint8Array(0)) })
  return { figures, outbox, outgoing, leaves, note }
}

t.test('nothing leaves that is not due', async (t) => {
  const { outgoing, leaves } = make(4)
  t.strictSame(leaves(), [])
  outgoing.due = 3
  t.notOk(outgoing.idle)
  t.strictSame(leaves(), [1, 2, 3])
  t.ok(outgoing.idle)
})

t.test('notes keep their place', async (t) => {
  const { outgoing, leaves, note } = make(4)
  outgoing.due = 2
  outgoing.notes.push(note(1, 0))
  outgoing.notes.push(note(2, 2))
  outgoing.notes.push(note(3, 3))
  const withdrawn = note(4, 3)
  outgoing.notes.push(withdrawn)
  t.strictSame(leaves(), ['?1', 1, 2, '?2'])
  t.strictSame(leaves(), [], 'item 3 is not committed, so its note waits')
  outgoing.notes.withdraw(withdrawn)
  outgoing.notes.withdraw(withdrawn)
  outgoing.due = 4
  t.strictSame(leaves(), [3, '?3', 4])
  t.equal(outgoing.notes.bytes, 0)
})

t.test('a note behind items that were taken back leaves behind those that are left', async (t) => {
  const { outbox, outgoing, leaves, note } = make(4)
  outgoing.notes.push(note(1, 4))
  outbox.takeBack(1)
  outbox.append(new Frame(Uint8Array.of(9)))
  outgoing.due = 1
  t.strictSame(leaves(), [1])
  outgoing.due = 2
  t.strictSame(leaves(), [9, '?1'])
})

t.test('cut off: what has not gone out waits for the next commit, and then for the peer', async (t) => {
  const { figures, outbox, outgoing, leaves } = make(4)
  outgoing.commit(4)
  t.strictSame(leaves(1), [1])
  t.equal(outgoing.cut(), 1)
  outbox.takeBack(1)
  outbox.append(new Frame(Uint8Array.of(9)))
  t.strictSame(leaves(), [])
  outgoing.received(1)
  outgoing.commit(2)
  outgoing.commit(3)
  outgoing.received(1)
  t.match(figures, { cuts: 1, peersOverflowed: 1 })
  outgoing.received(2)
  t.match(figures, { cuts: 1, peersOverflowed: 0 })
  outgoing.cut()
  outgoing.cut()
  t.match(figures, { cuts: 3, peersOverflowed: 1 })
  outgoing.reset()
  t.match(figures, { cuts: 3, peersOverflowed: 0 })
})

t.test('by cursor within the budget, again after a reconnect', async (t) => {
  const { figures, outgoing, leaves } = make(6)
  outgoing.due = 6
  t.strictSame(leaves(7), [1, 2])
  t.strictSame(leaves(0), [])
  t.strictSame(leaves(1), [3])
  outgoing.cursor = 1
  t.strictSame(leaves(), [2, 3, 4, 5, 6])
  t.match(figures, { itemsSent: 8, itemsResent: 2 })
})

t.test('an item that no peer would take is a fault of this end', async (t) => {
  const { outbox, outgoing, leaves } = make(0)
  outbox.append(new Frame(new Uint8Array(1000)))
  outgoing.due = 1
  t.throws(() => leaves(), RangeError)
})
