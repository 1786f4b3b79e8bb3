import assert from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import { encodeSnapshot, parseSnapshot, type Snapshot } from '../../lib/client/snapshot.ts'
import { checksum } from '../../lib/wire/checksum.ts'
import { type Counted, Outbox } from '../../lib/wire/stream.ts'
import { forAll } from '../support/for-all.ts'
import { Rig } from './rig.ts'

const WHERE = { segment: 'seg', owner: 'owner' }

/** As a storage gives it back. */
function kept(rig: Rig): Snapshot {
  const snapshot = rig.session.snapshot(WHERE)
  assert.ok(snapshot)
  const parsed = parseSnapshot(encodeSnapshot(snapshot))
  assert.ok(parsed)
  return parsed
}

t.test('the next page goes on where this one stood', async (t) => {
  const first = new Rig().connected()
  first.event(1, 'in-1')
  first.event(1, 'in-2')
  for (const name of ['handled', 'sent']) first.session.emit(name, [])
  first.sent(1)
  first.received(1, 1)
  first.session.suspend('link_lost')
  first.session.emit('waits', [new Uint8Array([1, 2, 255])])
  const question = first.session.emit('asked', [], true)

  const next = new Rig(undefined, kept(first))
  t.equal(next.session.state, 'suspended', 'until it is known that this page owns it')
  t.equal(next.session.id, 's1')
  next.session.emit('of-the-next-page', [])
  next.session.wake()
  t.same(next.taken(), ['state recovering'])
  next.session.linkOpened(1)
  const [hello] = next.sent(1)
  t.match(hello, { type: 'hello', hello: { key: 'key-1', id: 's1', sent: 2, received: 2, attempt: 1 } })
  t.same(next.taken(), [], 'no auth is asked for')
  const infos: unknown[] = []
  next.onResume = (info) => infos.push(info)
  const check = first.session.snapshot(WHERE)!
  next.welcome(1, { from: 1, taken: 2, handled: 1, check: checkAfter(check, 2), sent: 3 })
  t.same(infos, [{ replayed: 3, missed: 1, samePage: false }])
  t.same(next.sentEvents(1), ['waits', 'asked', 'of-the-next-page'])
  for (const name of ['in-1', 'in-2', 'in-3']) next.event(1, name)
  t.same(
    next.delivered.map((message) => message.name),
    ['in-3'],
    'what the first page had is not told again',
  )
  next.frame(1, `a[${question},true,"late"]`)
  t.notOk(
    next.taken().some((entry) => entry.startsWith('settle')),
    'whoever asked is gone',
  )

  next.session.linkClosed(1)
  next.open(2)
  next.welcome(2, {
    from: 4,
    taken: 5,
    handled: 5,
    check: checkAfter(next.session.snapshot(WHERE)!, 5),
    sent: 4,
  })
  t.match(infos.at(-1), { samePage: true }, 'the second resume is of this page')
})

/** The rolling check over our messages 1 … n, as the server keeps it. */
function checkAfter({ base, baseCheck, outbox }: Snapshot, n: number): number {
  const sent = new Outbox<Counted>()
  sent.begin(base, baseCheck)
  for (const [, data] of outbox) sent.append(checksum(data))
  const check = sent.checkAt(n)
  assert.ok(check !== null)
  return check
}

t.test('what another page owns: what was emitted here goes into a session of its own', async (t) => {
  const first = new Rig().connected()
  first.session.emit('of-the-first', [])
  first.sent(1)
  first.session.suspend('link_lost')
  const copy = new Rig(undefined, kept(first))
  const mine = copy.session.emit('mine', [], true)
  t.equal(mine, 2)
  t.equal(copy.session.renounce(), 1)
  copy.session.wake()
  t.same(copy.taken(), ['state connecting'])
  const hello = copy.open(1)
  t.not(hello.key, 'key-1')
  t.match(hello, { sent: 0, received: 0, check: 0 })
  t.equal(hello.id, undefined)
  copy.welcome(1, { id: 's2' })
  t.same(copy.sentEvents(1), ['mine'])
  copy.frame(1, 'a[1,true,"yes"]')
  t.same(copy.taken(), ['needAuth 1', 'state connected', 'connect', 'settle 1 ok "yes"'])
})

t.test('a page that comes back behind another one goes on from what that left', async (t) => {
  const first = new Rig().connected()
  const asked = first.session.emit('asked', [], true)
  first.sent(1)
  first.session.suspend('link_lost')
  const second = new Rig(undefined, kept(first))
  second.session.wake()
  second.session.linkOpened(1)
  second.welcome(1, { taken: 1, handled: 1, check: checkAfter(kept(first), 1) })
  second.event(1, 'seen-by-the-second')
  second.session.suspend('link_lost')
  first.taken()
  first.session.adopt(kept(second))
  t.same(first.taken(), [`settle ${asked} unknown`], 'its answer may have come there')
  first.session.wake()
  first.session.linkOpened(2)
  t.match(first.sent(2), [{ hello: { id: 's1', sent: 1, received: 1, attempt: 2 } }])
})

t.test('a session that another page took is lost here', async (t) => {
  const rig = new Rig().connected()
  rig.session.emit('sent', [])
  rig.sent(1)
  rig.session.suspend('link_lost')
  rig.session.emit('waits', [])
  rig.session.lose()
  t.match(rig.discontinuities, [
    {
      code: 'taken_over',
      handled: 0,
      pending: [{ fate: 'unknown' }, { name: 'waits', fate: 'not_delivered' }],
    },
  ])
  rig.session.wake()
  t.not(rig.open(2).key, 'key-1')
})

t.test('a closed session leaves nothing', async (t) => {
  const rig = new Rig().connected()
  rig.session.close('closed_by_client', '', 0)
  t.equal(rig.session.snapshot(WHERE), null)
})

t.test('text and back', async (t) => {
  const count = fc.nat()
  const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
  const data = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 100_000 }))
  const outbox = fc.array(fc.tuple(fc.option(fc.string()), data), { maxLength: 3 })
  const snapshot = fc.record({
    ...{ segment: token, owner: token, key: token, id: fc.option(token) },
    ...{ payloadBytes: count, sent: count, base: count, baseCheck: count, received: count, check: count },
    outbox,
  })
  forAll(t, [snapshot], (given) => {
    assert.deepStrictEqual(parseSnapshot(encodeSnapshot(given)), { ...given })
  })
})

t.test('what is none', async (t) => {
  const good = JSON.parse(encodeSnapshot(new Rig().session.snapshot(WHERE)!))
  t.ok(parseSnapshot(JSON.stringify(good)))
  const bad: object[] = [
    ...[{ version: 2 }, { segment: '../x' }, { owner: 5 }, { key: '' }, { id: 7 }, { outbox: null }],
    ...[{ sent: -1 }, { received: 1.5 }, { check: '0' }, { base: undefined }, { outbox: [[5, 'e']] }],
    ...[{ outbox: [['e', ['%']]] }, { outbox: [['e']] }, { outbox: [null] }],
  ]
  for (const change of bad) t.equal(parseSnapshot(JSON.stringify({ ...good, ...change })), null)
  for (const text of ['', 'null', '5', '[]', '{', '{}']) t.equal(parseSnapshot(text), null, text)
})
