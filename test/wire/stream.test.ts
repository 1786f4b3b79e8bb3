import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { roll } from '../../lib/wire/checksum.ts'
import { Acknowledger, type Counted, Inbox, Outbox, RECEIVED_AFTER } from '../../lib/wire/stream.ts'
import { forAll } from '../support/for-all.ts'

type Step =
  | { readonly do: 'append'; readonly crc: number; readonly size: number }
  /** From the base, in tenths of what is held: less than 0 is old, more than 10 was never sent. */
  | { readonly do: 'acknowledge'; readonly tenths: number }
  | { readonly do: 'drop' }
  /** Down to so many tenths of what is held. */
  | { readonly do: 'takeBack'; readonly tenths: number }

const crc = fc.integer({ min: 0, max: 0xffffffff })
const append = fc.record({ do: fc.constant('append' as const), crc, size: fc.nat({ max: 100 }) })
const acknowledge = fc.record({
  do: fc.constant('acknowledge' as const),
  tenths: fc.integer({ min: -3, max: 12 }),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: append },
  { weight: 2, arbitrary: acknowledge },
  { weight: 1, arbitrary: fc.constant({ do: 'acknowledge' as const, tenths: 10 }) },
  { weight: 1, arbitrary: fc.constant({ do: 'drop' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('takeBack' as const), tenths: fc.integer({ min: 0, max: 10 }) }),
  },
)

/** Numbers as they are in a session that has run for years, too. */
const base = fc.constantFrom(0, 5, 2 ** 31 - 3, 2 ** 31, 2 ** 32 - 3, 2 ** 32 + 7, 2 ** 52)

/** The same without an array that moves: what is held, by number. */
class NaiveOutbox {
  readonly held = new Map<number, Counted>()
  base: number
  end: number
  baseCheck: number

  constructor(base: number, baseCheck: number) {
    this.base = base
    this.end = base
    this.baseCheck = baseCheck
  }

  get bytes(): number {
    return [...this.held.values()].reduce((sum, { size }) => sum + size, 0)
  }

  checkAt(n: number): number | null {
    if (n < this.base || n > this.end) return null
    return [...this.held]
      .filter(([number]) => number <= n)
      .reduce((check, [, { crc }]) => roll(check, crc), this.baseCheck)
  }

  append(item: Counted): void {
    this.end += 1
    this.held.set(this.end, item)
  }

  acknowledge(n: number): boolean {
    if (n > this.end) return false
    this.baseCheck = this.checkAt(n) ?? this.baseCheck
    for (const number of [...this.held.keys()]) if (number <= n) this.held.delete(number)
    this.base = Math.max(this.base, n)
    return true
  }

  drop(): void {
    this.held.clear()
    this.base = this.end
  }

  takeBack(n: number): Counted[] {
    const taken = [...this.held].filter(([number]) => number > n)
    for (const [number] of taken) this.held.delete(number)
    this.end = n
    return taken.map(([, item]) => item)
  }
}

function assertSame(outbox: Outbox<Counted>, model: NaiveOutbox): void {
  const { base, end, bytes, baseCheck } = outbox
  assert.deepEqual(
    { base, end, bytes, baseCheck },
    { base: model.base, end: model.end, bytes: model.bytes, baseCheck: model.baseCheck },
  )
  for (const n of [base - 1, base, base + 1, Math.floor((base + end) / 2), end, end + 1]) {
    assert.equal(outbox.checkAt(n), model.checkAt(n))
    const item = model.held.get(n)
    if (item) assert.equal(outbox.at(n), item)
    else assert.throws(() => outbox.at(n), RangeError)
  }
}

t.test('an outbox does what a plain map by number would', async (t) => {
  forAll(t, [base, crc, fc.array(step, { maxLength: 300, size: 'max' })], (start, check, steps) => {
    const outbox = new Outbox<Counted>()
    outbox.base = outbox.end = start
    outbox.baseCheck = check
    const model = new NaiveOutbox(start, check)
    for (const step of steps) {
      if (step.do === 'append') {
        const item = { crc: step.crc, size: step.size }
        model.append(item)
        assert.equal(outbox.append(item), model.end)
      } else if (step.do === 'acknowledge') {
        const n =
          outbox.base +
          Math.ceil(((outbox.end - outbox.base) * step.tenths) / 10) +
          (step.tenths > 10 ? 1 : 0)
        assert.equal(outbox.acknowledge(n), model.acknowledge(n))
      } else if (step.do === 'takeBack') {
        const n = outbox.base + Math.floor(((outbox.end - outbox.base) * step.tenths) / 10)
        assert.deepEqual(outbox.takeBack(n), model.takeBack(n))
      } else {
        outbox.drop()
        model.drop()
      }
    }
    assertSame(outbox, model)
  })
})

t.test('a long outbox, acknowledged in pieces', async (t) => {
  const outbox = new Outbox<Counted>()
  const model = new NaiveOutbox(0, 0)
  for (let i = 1; i <= 1000; i++) {
    const item = { crc: i * 7919, size: i % 10 }
    outbox.append(item)
    model.append(item)
  }
  // Around the sizes at which it moves its array.
  for (const n of [1, 63, 64, 65, 64, 499, 500, 501, 936, 937, 999, 1000, 1001]) {
    assert.equal(outbox.acknowledge(n), model.acknowledge(n))
    assertSame(outbox, model)
  }
  t.equal(outbox.bytes, 0)
  t.equal(outbox.base, 1000)
})

t.test('a count that lies changes nothing', async (t) => {
  const outbox = new Outbox<Counted>()
  outbox.append({ crc: 1, size: 10 })
  t.notOk(outbox.acknowledge(2))
  t.notOk(outbox.acknowledge(Number.MAX_SAFE_INTEGER))
  t.ok(outbox.acknowledge(-1))
  t.equal(outbox.base, 0)
  t.equal(outbox.bytes, 10)
  t.equal(outbox.checkAt(-1), null)
  t.equal(outbox.checkAt(2), null)
})

t.test('what was acknowledged is let go at once', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const outbox = new Outbox<Counted>()
  const first = new WeakRef(appended(outbox))
  const second = new WeakRef(appended(outbox))
  outbox.acknowledge(1)
  // A WeakRef holds its target until the current job is done.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  t.equal(first.deref(), undefined)
  t.equal(second.deref(), outbox.at(2))
})

function appended(outbox: Outbox<Counted>): Counted {
  const item = { crc: 1, size: 10 }
  outbox.append(item)
  return item
}

t.test('both ends roll the same check', async (t) => {
  forAll(t, [fc.array(crc)], (crcs) => {
    const outbox = new Outbox<Counted>()
    const inbox = new Inbox()
    for (const [i, crc] of crcs.entries()) {
      outbox.append({ crc, size: 1 })
      assert.equal(inbox.take(crc), i + 1)
      if (i % 3 === 0) outbox.acknowledge(i)
      assert.equal(outbox.checkAt(inbox.count), inbox.check)
    }
  })
})

t.test('an inbox that lost, doubled or swapped a message does not agree', async (t) => {
  const check = (...crcs: number[]): number => {
    const inbox = new Inbox()
    for (const crc of crcs) inbox.take(crc)
    return inbox.check
  }
  const right = check(11, 22, 33)
  for (const wrong of [check(11, 33, 22), check(11, 22), check(11, 22, 22), check(22, 33), check(11, 22, 34)])
    t.not(wrong, right)
})

t.test('an inbox counts past 2³²', async (t) => {
  const inbox = new Inbox()
  inbox.count = 2 ** 32 - 1
  inbox.check = 0xffffffff
  t.equal(inbox.take(0xffffffff), 2 ** 32)
  t.equal(inbox.check, roll(0xffffffff, 0xffffffff))
})

t.test('received is due after so many messages, bytes or ms, whichever is first', async (t) => {
  const steps = fc.array(
    fc.oneof(
      {
        weight: 20,
        arbitrary: fc.record({
          size: fc.oneof(fc.nat({ max: 10 }), fc.nat({ max: 9000 })),
          wait: fc.nat({ max: 30 }),
        }),
      },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    { maxLength: 200, size: 'max' },
  )
  forAll(t, [steps], (steps) => {
    const acknowledger = new Acknowledger(RECEIVED_AFTER.server)
    let now = 1_700_000_000_000
    let owed: { size: number; at: number }[] = []
    for (const step of steps) {
      if (!step) {
        acknowledger.told()
        owed = []
      } else {
        now += step.wait
        owed.push({ size: step.size, at: now })
        const first = owed[0]!.at
        const bytes = owed.reduce((sum, { size }) => sum + size, 0)
        assert.equal(
          acknowledger.took(step.size, now),
          owed.length >= 64 || bytes >= 32768 || now - first >= 1000,
        )
      }
      assert.equal(acknowledger.dueAt, owed[0] ? owed[0].at + 1000 : Number.POSITIVE_INFINITY)
    }
  })
})

t.test('received is due at the millisecond, byte and message of its limit', async (t) => {
  const after = (...sizes: number[]): Acknowledger => {
    const acknowledger = new Acknowledger(RECEIVED_AFTER.server)
    for (const size of sizes) acknowledger.took(size, 5)
    return acknowledger
  }
  t.strictSame([after(1).took(1, 1004), after(1).took(1, 1005)], [false, true])
  t.strictSame([after(1).took(32_766, 5), after(1).took(32_767, 5)], [false, true])
  t.strictSame(
    [after(1).ridesAlong(504), after(1).ridesAlong(505), after().ridesAlong(505)],
    [false, true, false],
  )
  const small = (count: number): number[] => new Array<number>(count).fill(0)
  t.strictSame([after(...small(62)).took(0, 5), after(...small(63)).took(0, 5)], [false, true])
})
