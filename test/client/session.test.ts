import t from 'tap'
import { Conversation } from '../../lib/client/conversation.ts'
import { checksum, roll } from '../../lib/wire/checksum.ts'
import { LimpetError } from '../../lib/wire/codes.ts'
import { checkOf, INSTANCE, Rig } from './rig.ts'

const crcOf = (frame: string): number => checksum(frame).crc
const names = (rig: Rig): string[] => rig.delivered.map((message) => message.name)

t.test('the first hello', async (t) => {
  t.test('carries key, instance, attempt and auth, no id', async (t) => {
    const rig = new Rig()
    const hello = rig.open(1, { token: 'x' })
    t.match(hello, {
      version: 1,
      key: 'key-1',
      instance: INSTANCE,
      attempt: 1,
      sent: 0,
      received: 0,
      check: 0,
    })
    t.same(hello.auth, { token: 'x' })
    t.equal(hello.id, undefined)
    t.same(rig.taken(), ['needAuth 1'])
    t.equal(rig.session.state, 'connecting')
  })

  t.test('waits for auth; counted frames wait for welcome', async (t) => {
    const rig = new Rig()
    rig.session.emit('early', [])
    rig.session.linkOpened(1)
    t.same(rig.sent(1), [])
    rig.session.authReady(1, null)
    t.same(
      rig.sent(1).map((m) => m.type),
      ['hello'],
    )
    rig.welcome(1)
    t.same(rig.sentEvents(1), ['early'])
    t.same(rig.taken(), ['needAuth 1', 'state connected', 'connect'])
    t.equal(rig.session.id, 's1')
  })

  t.test('a lost first welcome: same key, no id, auth again, higher attempt', async (t) => {
    const rig = new Rig()
    const first = rig.open(1, 'a')
    rig.session.linkClosed(1)
    const second = rig.open(2, 'b')
    t.equal(second.key, first.key)
    t.equal(second.id, undefined)
    t.equal(second.auth, 'b')
    t.equal(second.attempt, 2)
    rig.welcome(2)
    t.match(rig.taken(), [/need/, /need/, 'state connected', 'connect'])
  })

  t.test(
    'a lost first welcome whose session has ended: a new key, nothing is lost, no discontinuity',
    async (t) => {
      const rig = new Rig()
      rig.session.emit('early', [])
      rig.open(1)
      rig.session.linkClosed(1)
      rig.open(2)
      rig.gone(2, 'session_expired', 0, 0)
      t.same(rig.taken().slice(2), ['closeLink 2 session_expired'])
      const hello = rig.open(3, 'a')
      t.match(hello, { key: 'key-2', auth: 'a', attempt: 3 })
      rig.welcome(3)
      t.same(rig.sentEvents(3), ['early'])
    },
  )

  t.test('a late answer of auth for a link that is gone says nothing', async (t) => {
    const rig = new Rig()
    rig.session.linkOpened(1)
    rig.session.linkClosed(1)
    rig.session.authReady(1, 'x')
    t.same(rig.sent(1), [])
  })
})

t.test('resume', async (t) => {
  t.test('hello carries counts and check; replay starts at taken + 1', async (t) => {
    const rig = new Rig().connected()
    for (const name of ['a', 'b', 'c']) rig.session.emit(name, [])
    t.same(rig.sentEvents(1), ['a', 'b', 'c'])
    rig.event(1, 'x')
    rig.event(1, 'y')
    rig.session.linkClosed(1)
    rig.session.emit('d', [])
    const hello = rig.open(2)
    t.match(hello, { id: 's1', key: 'key-1', sent: 3, received: 2, check: checkOf('x', 'y'), attempt: 2 })
    t.equal(hello.auth, undefined)
    t.same(rig.sent(2), [], 'no counted frame before welcome')
    rig.welcome(2, { from: 3, taken: 2, handled: 1, check: checkOf('a', 'b') })
    t.same(rig.sentEvents(2), ['c', 'd'])
    t.equal(rig.session.handled, 1)
    t.same(rig.taken(), ['state recovering', 'state connected', 'resume 2'])
  })

  t.test('taken moves the cursor, only handled frees the outbox', async (t) => {
    const rig = new Rig().connected()
    rig.session.emit('a', [])
    rig.session.emit('b', [])
    rig.sent(1)
    rig.session.linkClosed(1)
    rig.open(2)
    rig.welcome(2, { taken: 2, handled: 0, check: checkOf('a', 'b') })
    t.same(rig.sentEvents(2), [])
    t.equal(rig.session.handled, 0)
    rig.session.linkClosed(2)
    // The process died: what was taken and not handled comes again.
    rig.open(3)
    rig.welcome(3, { taken: 0, handled: 0 })
    t.same(rig.sentEvents(3), ['a', 'b'])
    rig.received(3, 2)
    t.equal(rig.session.handled, 2)
  })

  t.test('frames up to the own count are skipped', async (t) => {
    const rig = new Rig().connected()
    for (const name of ['a', 'b', 'c']) rig.event(1, name)
    rig.session.linkClosed(1)
    rig.open(2)
    rig.welcome(2, { from: 2 })
    for (const name of ['b', 'c', 'd']) rig.event(2, name)
    t.same(names(rig), ['a', 'b', 'c', 'd'])
    t.same(
      rig.delivered.map((m) => m.number),
      [1, 2, 3, 4],
    )
  })

  t.test('the old link counts until welcome, not after', async (t) => {
    const rig = new Rig().connected()
    rig.event(1, 'a')
    const hello = rig.open(2)
    t.equal(hello.received, 1)
    rig.event(1, 'b')
    t.equal(rig.session.state, 'connected')
    rig.welcome(2, { from: 2 })
    rig.event(1, 'late')
    rig.session.linkClosed(1)
    rig.event(2, 'b')
    rig.event(2, 'c')
    t.same(names(rig), ['a', 'b', 'c'])
    t.same(rig.taken(), ['closeLink 1 link_replaced'], 'a move interrupts nothing')
    t.equal(rig.session.state, 'connected')
    t.equal(rig.session.link, 2)
  })

  t.test('messages go out on the old link until welcome, then from taken + 1 on the new one', async (t) => {
    const rig = new Rig().connected()
    rig.session.emit('a', [])
    rig.sent(1)
    rig.open(2)
    rig.session.emit('b', [])
    t.same(rig.sentEvents(1), ['b'])
    rig.welcome(2, { taken: 1, check: checkOf('a') })
    t.same(rig.sentEvents(2), ['b'])
  })

  t.test('a newer link replaces a candidate', async (t) => {
    const rig = new Rig().connected()
    rig.session.linkClosed(1)
    rig.taken()
    rig.open(2)
    t.equal(rig.open(3).attempt, 3)
    t.same(rig.taken(), ['closeLink 2 link_replaced'])
    rig.welcome(2)
    t.equal(rig.session.state, 'recovering', 'its late welcome counts for nothing')
    rig.welcome(3)
    t.equal(rig.session.link, 3)
  })

  t.test('a candidate that dies leaves the current link in use', async (t) => {
    const rig = new Rig().connected()
    rig.open(2)
    rig.session.linkClosed(2)
    rig.event(1, 'a')
    t.same(names(rig), ['a'])
    t.same(rig.taken(), [])
  })
})

t.test('what was missed', async (t) => {
  const rig = new Rig().connected()
  t.equal(rig.session.replay?.total ?? 0, 0)
  rig.event(1, 'a')
  rig.session.linkClosed(1)
  t.equal(rig.session.replay, null)
  rig.open(2)
  let missed = -1
  rig.onResume = (info) => {
    missed = info.missed
  }
  rig.welcome(2, { from: 1, sent: 3 })
  t.equal(missed, 2)
  t.same(rig.session.replay, { received: 0, total: 2 })
  rig.event(2, 'a')
  t.same(rig.session.replay, { received: 0, total: 2 }, 'this one was not missed')
  rig.event(2, 'b')
  t.same(rig.session.replay, { received: 1, total: 2 })
  rig.event(2, 'c')
  rig.event(2, 'd')
  t.same(rig.session.replay, { received: 2, total: 2 })
  t.equal(rig.session.emittedBytes, 0)
  rig.session.emit('x', [])
  t.equal(rig.session.unwrittenBytes, rig.session.emittedBytes)
  rig.sent(2)
  t.equal(rig.session.unwrittenBytes, 0)
})

t.test('acknowledging', async (t) => {
  t.test('after 5 s', async (t) => {
    const rig = new Rig().connected()
    t.equal(rig.session.dueAt(), Number.POSITIVE_INFINITY)
    rig.event(1, 'a')
    t.equal(rig.session.dueAt(), 6000)
    t.same(rig.sent(1), [])
    rig.now = 6000
    t.same(rig.sent(1), [{ type: 'received', count: 1 }])
    t.equal(rig.session.dueAt(), Number.POSITIVE_INFINITY)
  })

  t.test('after 512 frames, and ahead of events of the same turn', async (t) => {
    const rig = new Rig().connected()
    for (let i = 0; i < 511; i++) rig.event(1, 'a')
    t.same(rig.sent(1), [])
    rig.event(1, 'a')
    rig.session.emit('x', [])
    t.match(rig.sent(1), [{ type: 'received', count: 512 }, { type: 'event' }])
  })

  t.test('after 64 KiB', async (t) => {
    const rig = new Rig().connected()
    rig.event(1, 'a', 'x'.repeat(64 * 1024))
    t.same(rig.sent(1), [{ type: 'received', count: 1 }])
  })

  t.test('at a quarter of what the server keeps, where that is less', async (t) => {
    const rig = new Rig()
    rig.open(1)
    rig.welcome(1, { limits: { payloadBytes: 4096, outboxBytes: 4096 } })
    rig.event(1, 'a', 'x'.repeat(1000))
    t.same(rig.sent(1), [])
    rig.event(1, 'a', 'x'.repeat(100))
    t.same(rig.sent(1), [{ type: 'received', count: 2 }])
  })

  t.test('along with an event, from half of its time on', async (t) => {
    const rig = new Rig().connected()
    rig.event(1, 'a')
    rig.now = 3499
    rig.session.emit('x', [])
    t.match(rig.sent(1), [{ type: 'event' }])
    rig.now = 3500
    t.same(rig.sent(1), [], 'not for itself')
    rig.session.emit('x', [])
    t.match(rig.sent(1), [{ type: 'received', count: 1 }, { type: 'event' }])
  })

  t.test('owes nothing a hello has said, unless more came before its welcome', async (t) => {
    const rig = new Rig().connected()
    rig.event(1, 'a')
    rig.session.linkClosed(1)
    t.equal(rig.session.dueAt(), Number.POSITIVE_INFINITY, 'no link, no timer')
    rig.open(2)
    rig.welcome(2, { from: 2 })
    t.equal(rig.session.dueAt(), Number.POSITIVE_INFINITY)
    rig.event(2, 'b')
    rig.open(3)
    rig.event(2, 'c')
    rig.now = 9000
    t.same(rig.sent(2), [], 'no received overtakes the hello')
    rig.welcome(3, { from: 3 })
    t.same(rig.sent(3), [{ type: 'received', count: 3 }])
  })

  t.test('not while the link takes nothing', async (t) => {
    const rig = new Rig().connected()
    rig.event(1, 'a')
    rig.now = 6000
    rig.blocked.add(1)
    rig.session.emit('x', [])
    t.same(rig.sent(1), [])
    t.equal(rig.session.dueAt(), Number.POSITIVE_INFINITY)
    rig.blocked.clear()
    t.match(rig.sent(1), [{ type: 'received', count: 1 }, { type: 'event' }])
  })

  t.test('handled beyond what this link carried is a lie: the link ends, the session does not', async (t) => {
    const rig = new Rig().connected()
    rig.session.emit('a', [])
    rig.sent(1)
    rig.received(1, 2)
    t.same(rig.taken(), ['state recovering', 'closeLink 1 protocol_error'])
    t.equal(rig.session.handled, 0)
    t.equal(rig.open(2).id, 's1')
    rig.welcome(2, { taken: 0 })
    rig.received(2, 1)
    t.same(
      rig.taken().slice(-2),
      ['state recovering', 'closeLink 2 protocol_error'],
      'sent on link 1, not on 2',
    )
  })
})

t.test('questions and answers', async (t) => {
  t.test('ours', async (t) => {
    const rig = new Rig().connected()
    const number = rig.session.emit('ask', [1], true)
    t.match(rig.sent(1), [{ type: 'event', wantsAnswer: true, event: { name: 'ask', args: [1] } }])
    rig.frame(1, `a[${number},true,42]`)
    rig.frame(1, `a[${number},true,43]`)
    t.same(rig.taken(), ['settle 1 ok 42'], 'once')
    t.equal(rig.session.dueAt(), 6000, 'answers are counted')
  })

  t.test("the server's", async (t) => {
    const rig = new Rig().connected()
    rig.question(1, 'ask')
    const [delivery] = rig.delivered
    rig.session.answer(delivery!, { ok: true, value: 'yes' })
    t.same(rig.sent(1), [{ type: 'answer', to: 1, result: { ok: true, value: 'yes' } }])
  })

  t.test('an answer that cannot be sent becomes an error', async (t) => {
    const rig = new Rig(100).connected()
    rig.session.emit('fill', ['x'.repeat(80)])
    for (const value of [1n, 'x'.repeat(100)]) {
      rig.question(1, 'ask')
      rig.session.answer(rig.delivered.at(-1)!, { ok: true, value })
    }
    t.match(rig.sent(1).slice(1), [
      { type: 'answer', to: 1, result: { ok: false, code: 'arguments_invalid' } },
      { type: 'answer', to: 2, result: { ok: false, code: 'outbox_full' } },
    ])
  })

  t.test('an ack to an expired session does not enter the next one', async (t) => {
    const rig = new Rig().connected()
    rig.question(1, 'ask')
    rig.gone(1, 'session_expired', 0, 0)
    rig.session.authReady(1, undefined)
    rig.welcome(1, { id: 's2' })
    rig.session.answer(rig.delivered[0]!, { ok: true, value: 1 })
    t.same(
      rig.sent(1).filter((m) => m.type === 'answer'),
      [],
    )
  })
})

t.test('acks and a lost link', async (t) => {
  t.test('an ack that returns after a resume settles once, whichever link brings it', async (t) => {
    const rig = new Rig().connected()
    for (const name of ['a', 'b']) rig.session.emit(name, [], true)
    rig.sent(1)
    rig.frame(1, 'a[1,true,"old link"]')
    rig.session.linkClosed(1)
    rig.open(2)
    const check = roll(roll(0, crcOf('q["a"]')), crcOf('q["b"]'))
    // The server does not know that the first answer came: it replays both.
    rig.welcome(2, { from: 1, taken: 2, handled: 2, check })
    rig.frame(2, 'a[1,true,"old link"]')
    rig.frame(2, 'a[2,true,"new link"]')
    t.same(
      rig.taken().filter((entry) => entry.startsWith('settle')),
      ['settle 1 ok "old link"', 'settle 2 ok "new link"'],
    )
    t.same(rig.sentEvents(2), [], 'neither question is asked again')
  })

  t.test('an async handler that outlives its link: its answer leaves on the next one, once', async (t) => {
    const rig = new Rig().connected()
    rig.question(1, 'ask')
    rig.session.linkClosed(1)
    rig.session.answer(rig.delivered[0]!, { ok: true, value: 'while away' })
    t.same(rig.sent(1), [])
    rig.open(2)
    rig.welcome(2, { from: 2 })
    t.same(rig.sent(2), [{ type: 'answer', to: 1, result: { ok: true, value: 'while away' } }])
    rig.session.linkClosed(2)
    rig.open(3)
    rig.welcome(3, { from: 2, taken: 1, handled: 1, check: crcOf('a[1,true,"while away"]') })
    t.same(rig.sent(3), [])
  })

  t.test('a question that is given up: a late answer is counted, and the end settles nothing', async (t) => {
    const rig = new Rig().connected()
    for (const name of ['a', 'b', 'c']) rig.session.emit(name, [], true)
    rig.sent(1)
    rig.session.abandon(1)
    rig.session.abandon(2)
    rig.frame(1, 'a[1,true,"late"]')
    t.same(rig.taken(), [])
    t.equal(rig.session.dueAt(), 6000, 'counted')
    rig.gone(1, 'room_lost', 1, 3)
    t.same(
      rig.taken().filter((entry) => entry.startsWith('settle')),
      ['settle 3 unknown'],
    )
  })
})

t.test('gone', async (t) => {
  t.test('settles each send and goes on with a new session on the same link', async (t) => {
    const rig = new Rig().connected()
    rig.session.emit('one', [], true)
    rig.session.emit('two', [])
    rig.session.emit('three', [], true)
    rig.session.emit('four', [])
    rig.sent(1)
    rig.session.linkClosed(1)
    rig.session.emit('five', [], true)
    rig.open(2)
    rig.taken()
    rig.onEffect = (entry) => {
      if (entry.startsWith('discontinuity')) rig.session.emit('again', [])
    }
    rig.gone(2, 'session_expired', 2, 3)
    t.same(rig.taken(), [
      'settle 1 unknown',
      'settle 3 unknown',
      'settle 5 not_delivered',
      'discontinuity session_expired',
      'needAuth 2',
    ])
    t.same(rig.discontinuities, [
      {
        code: 'session_expired',
        handled: 2,
        pending: [
          { number: 3, name: 'three', fate: 'unknown' },
          { number: 4, name: 'four', fate: 'not_delivered' },
          { number: 5, name: 'five', fate: 'not_delivered' },
        ],
      },
    ])
    t.equal(rig.session.id, null)
    t.equal(rig.session.ordinal, 2)
    rig.session.authReady(2, 'fresh')
    const [hello] = rig.sent(2)
    t.match(hello, {
      type: 'hello',
      hello: { key: 'key-2', auth: 'fresh', attempt: 3, sent: 0, received: 0 },
    })
    rig.welcome(2, { id: 's2' })
    t.same(rig.sentEvents(2), ['again'], 'lost messages are not sent again')
    t.same(rig.taken(), ['state connected', 'connect'])
  })

  t.test('on a live link', async (t) => {
    const rig = new Rig().connected()
    rig.event(1, 'a')
    rig.gone(1, 'room_lost', 0, 0)
    t.same(rig.taken(), ['state recovering', 'discontinuity room_lost', 'needAuth 1'])
    rig.session.authReady(1, undefined)
    t.match(rig.sent(1), [{ type: 'hello', hello: { received: 0, check: 0 } }])
  })

  t.test('drops the other link', async (t) => {
    const rig = new Rig().connected()
    rig.open(2)
    rig.gone(2, 'count_mismatch', 0, 0)
    t.same(rig.taken(), [
      'state recovering',
      'closeLink 1 count_mismatch',
      'discontinuity count_mismatch',
      'needAuth 2',
    ])
  })

  const fatesAfter = (handled: number, taken: number, code: string): string[] => {
    const rig = new Rig().connected()
    for (const name of ['a', 'b', 'c']) rig.session.emit(name, [])
    rig.sent(1)
    rig.received(1, 1)
    rig.session.linkClosed(1)
    rig.session.emit('d', [])
    rig.open(2)
    rig.gone(2, code, handled, taken)
    return rig.discontinuities[0]!.pending.map(({ name, fate }) => `${name} ${fate}`)
  }
  const honest = ['b unknown', 'c unknown', 'd not_delivered']
  t.test('a server that forgot what it acknowledged cannot say "not delivered"', async (t) => {
    t.same(fatesAfter(0, 0, 'session_unknown'), honest)
    t.same(fatesAfter(1, 9, 'session_expired'), honest, 'nor one that took what was never sent')
  })
  t.test('a server that does not know what was taken: all that was sent may have been', async (t) => {
    const fates = fatesAfter(2, Number.MAX_SAFE_INTEGER, 'session_expired')
    t.same(fates, ['c unknown', 'd not_delivered'])
    t.same(fatesAfter(4, 9, 'session_expired'), honest, 'it cannot have handled what was never sent')
  })
  t.test('`gone` with a stale count: what was acknowledged since stays delivered', async (t) => {
    const rig = new Rig().connected()
    for (const name of ['a', 'b', 'c', 'd']) rig.session.emit(name, [])
    rig.sent(1)
    rig.open(2)
    // Said while the hello was under way, and overtaken by what the old link brought.
    rig.received(1, 3)
    rig.gone(2, 'session_expired', 1, 2)
    t.same(rig.discontinuities, [
      { code: 'session_expired', handled: 3, pending: [{ number: 4, name: 'd', fate: 'unknown' }] },
    ])
  })
  t.test('otherwise its word counts', async (t) => {
    t.same(fatesAfter(2, 2, 'session_expired'), ['c not_delivered', 'd not_delivered'])
  })
})

t.test('a welcome that does not fit', async (t) => {
  const cases = {
    'a rolling check that disagrees': { taken: 1, check: 1, from: 2 },
    'from beyond the own count': { taken: 1, check: checkOf('a'), from: 3 },
    'more taken than was sent': { taken: 3, check: 0, from: 2 },
    'less taken than was handled': { taken: 0, check: 0, from: 2 },
    'another session': { id: 'other', taken: 1, check: checkOf('a'), from: 2 },
  }
  for (const [name, welcome] of Object.entries(cases)) {
    t.test(name, async (t) => {
      const rig = new Rig().connected()
      rig.session.emit('a', [])
      rig.session.emit('b', [], true)
      rig.sent(1)
      rig.received(1, 1)
      rig.event(1, 'x')
      rig.session.linkClosed(1)
      rig.open(2)
      rig.taken()
      rig.welcome(2, welcome)
      t.same(rig.taken(), ['settle 2 unknown', 'closeLink 2 count_mismatch', 'discontinuity count_mismatch'])
      t.match(rig.sent(2), [{ type: 'close', close: { code: 'count_mismatch' } }])
      t.match(rig.open(3), { key: 'key-2', id: undefined })
    })
  }
})

t.test('close by the server', async (t) => {
  t.test('taken over by a foreign page: for good', async (t) => {
    const rig = new Rig().connected()
    rig.session.emit('a', [], true)
    rig.sent(1)
    rig.close(1, 'taken_over', 'page-2')
    t.same(rig.taken(), ['state closed', 'closeLink 1 taken_over', 'settle 1 unknown', 'close taken_over'])
    t.throws(() => rig.session.emit('b', []), { code: 'session_closed' })
  })

  for (const [code, instance] of [
    ['taken_over', INSTANCE],
    ['link_replaced', undefined],
  ] as const) {
    t.test(`${code} by ourselves: the move is under way, nothing is told`, async (t) => {
      const rig = new Rig().connected()
      rig.open(2)
      rig.close(1, code, instance)
      rig.session.linkClosed(1)
      rig.session.emit('a', [])
      t.same(rig.sent(1), [], 'the fenced link carries nothing')
      rig.welcome(2)
      t.same(rig.taken(), [`closeLink 1 ${code}`])
      t.same(rig.sentEvents(2), ['a'])
    })

    t.test(`${code} by ourselves, and then the candidate dies`, async (t) => {
      const rig = new Rig().connected()
      rig.open(2)
      rig.close(1, code, instance)
      rig.session.linkClosed(2)
      t.same(rig.taken(), [`closeLink 1 ${code}`, 'state recovering'])
    })
  }

  t.test('a code that says come back ends the link only', async (t) => {
    for (const code of ['draining', 'shutting_down', 'busy', 'backlog_full', 'link_lost']) {
      const rig = new Rig().connected()
      rig.close(1, code)
      t.same(rig.taken(), ['state recovering', `closeLink 1 ${code}`])
      t.equal(rig.open(2).id, 's1')
    }
  })

  t.test('stale_attempt ends the candidate only', async (t) => {
    const rig = new Rig().connected()
    rig.open(2)
    rig.close(2, 'stale_attempt')
    t.same(rig.taken(), ['closeLink 2 stale_attempt'])
    t.equal(rig.session.state, 'connected')
  })

  t.test('codes of policy never, and codes of the application, end the session', async (t) => {
    for (const code of ['closed_by_server', 'refused', 'no_such_user']) {
      const rig = new Rig()
      rig.session.emit('a', [], true)
      rig.open(1)
      rig.close(1, code)
      t.same(rig.taken().slice(1), [
        'state closed',
        `closeLink 1 ${code}`,
        'settle 1 not_delivered',
        `close ${code}`,
      ])
    }
  })
})

t.test('close by us', async (t) => {
  t.test('goes behind what was emitted', async (t) => {
    const rig = new Rig().connected()
    rig.session.emit('last', [], true)
    rig.session.close('closed_by_client', '', rig.now)
    t.match(rig.sent(1), [{ type: 'event' }, { type: 'close', close: { code: 'closed_by_client' } }])
    t.same(rig.taken(), [
      'state closed',
      'closeLink 1 closed_by_client',
      'settle 1 unknown',
      'close closed_by_client',
    ])
    rig.session.close('closed_by_client', '', rig.now)
    rig.session.linkClosed(1)
    rig.session.linkOpened(2)
    t.same(rig.taken(), ['closeLink 2 link_replaced'], 'afterwards nothing happens')
  })

  t.test('on a link that waits for welcome', async (t) => {
    const rig = new Rig()
    rig.open(1)
    rig.session.close('closed_by_client', '', rig.now)
    t.match(rig.sent(1), [{ type: 'close' }])
  })

  t.test('between the fence and the welcome of the next link: that one says it', async (t) => {
    const rig = new Rig().connected()
    rig.open(2)
    rig.close(1, 'link_replaced')
    rig.session.close('closed_by_client', '', rig.now)
    t.same(rig.sent(1), [])
    t.match(rig.sent(2), [{ type: 'close' }])
  })

  t.test('from within a handler', async (t) => {
    const rig = new Rig()
    rig.onEffect = (entry) => {
      if (entry === 'state connected') rig.session.close('closed_by_client', '', rig.now)
    }
    rig.open(1)
    rig.welcome(1)
    t.notOk(rig.taken().includes('connect'))
    t.equal(rig.session.state, 'closed')
  })
})

t.test('emitting', async (t) => {
  t.test('past outboxBytes throws, and goes on once something is handled', async (t) => {
    const rig = new Rig(100).connected()
    rig.session.emit('a', ['x'.repeat(60)])
    t.throws(() => rig.session.emit('b', ['x'.repeat(60)]), { code: 'outbox_full' })
    rig.sent(1)
    t.throws(() => rig.session.emit('b', ['x'.repeat(60)]), LimpetError)
    rig.received(1, 1)
    t.equal(rig.session.emit('b', ['x'.repeat(60)]), 2)
  })

  t.test('one message larger than outboxBytes may wait alone', async (t) => {
    const rig = new Rig(100).connected()
    t.equal(rig.session.emit('a', ['x'.repeat(200)]), 1)
    t.throws(() => rig.session.emit('b', []), { code: 'outbox_full' })
  })

  t.test('past the payload limit, which welcome names', async (t) => {
    const rig = new Rig()
    t.throws(() => rig.session.emit('a', ['x'.repeat(4 * 1024 * 1024)]), { code: 'payload_too_large' })
    rig.open(1)
    rig.welcome(1, { limits: { payloadBytes: 1000, outboxBytes: 1 } })
    t.throws(() => rig.session.emit('a', ['x'.repeat(1000)]), { code: 'payload_too_large' })
    t.throws(() => rig.session.emitVolatile('a', ['x'.repeat(1000)]), { code: 'payload_too_large' })
  })

  t.test('what cannot be sent', async (t) => {
    const rig = new Rig()
    t.throws(() => rig.session.emit('', []), { code: 'name_invalid' })
    t.throws(() => rig.session.emit('x'.repeat(257), []), { code: 'name_invalid' })
    t.throws(() => rig.session.emit('a', [1n]), { code: 'arguments_invalid' })
    t.equal(rig.session.emitted, 0)
  })

  t.test('from within a handler: leaves with the same flush', async (t) => {
    const rig = new Rig().connected()
    rig.onDeliver = (message) => void rig.session.emit(`re-${message.name}`, [])
    rig.event(1, 'a')
    rig.event(1, 'b')
    t.same(rig.sentEvents(1), ['re-a', 're-b'])
  })

  t.test('a replay leaves in pages, as the link takes them', async (t) => {
    const rig = new Rig(4 * 1024 * 1024).connected()
    for (let i = 0; i < 20; i++) rig.session.emit(`m${i}`, ['x'.repeat(32 * 1024)])
    rig.blockAfterSend = true
    t.same(rig.sentEvents(1), ['m0', 'm1', 'm2', 'm3'])
    t.same(rig.sentEvents(1), [])
    rig.blockAfterSend = false
    rig.blocked.clear()
    t.equal(rig.sentEvents(1).length, 16)
  })
})

t.test('volatile', async (t) => {
  t.test('goes behind the counted frames of its turn', async (t) => {
    const rig = new Rig().connected()
    rig.session.emitVolatile('v', [])
    rig.session.emit('a', [])
    t.same(rig.sentEvents(1), ['a', 'v'])
  })
  t.test('is dropped without a link, and on one that takes nothing', async (t) => {
    const rig = new Rig()
    rig.session.emitVolatile('v', [])
    rig.connected()
    t.same(rig.sentEvents(1), [])
    rig.blocked.add(1)
    rig.session.emitVolatile('v', [])
    rig.blocked.clear()
    t.same(rig.sentEvents(1), [])
  })
  t.test('of the server is delivered and not counted', async (t) => {
    const rig = new Rig().connected()
    rig.frame(1, 'v["tick",1]')
    t.match(rig.delivered, [{ name: 'tick', args: [1], number: 0 }])
    t.equal(rig.session.dueAt(), Number.POSITIVE_INFINITY)
  })
})

t.test('retry and drain', async (t) => {
  const rig = new Rig()
  rig.open(1)
  rig.frame(1, 'y750')
  t.same(rig.taken().slice(1), ['closeLink 1 busy', 'retryAfter 750'])
  rig.open(2)
  rig.welcome(2)
  rig.taken()
  rig.frame(2, 'y750')
  t.same(rig.taken(), [], 'a link already in use stays in use')
  rig.frame(2, 'd300')
  t.same(rig.taken(), ['drainAfter 300'])
})

t.test('suspend and wake', async (t) => {
  const rig = new Rig()
  rig.session.suspend('link_lost')
  rig.session.wake()
  t.same(rig.taken(), ['state suspended', 'state connecting'])
  rig.connected()
  rig.session.suspend('link_lost')
  t.same(rig.taken(), ['state suspended', 'closeLink 1 link_lost'])
  rig.session.linkOpened(2)
  t.same(rig.taken(), ['closeLink 2 link_replaced'])
  rig.session.emit('a', [])
  rig.session.wake()
  rig.open(3)
  rig.welcome(3)
  t.same(rig.taken(), ['state recovering', 'state connected', 'resume 1'])
  t.same(rig.sentEvents(3), ['a'])
})

t.test('a peer that breaks the protocol loses the link', async (t) => {
  const wrong = { malformed: 'zzz', 'a second welcome': null, hello: 'h{}', 'bad event': 'e{}' }
  for (const [name, data] of Object.entries(wrong)) {
    const rig = new Rig().connected()
    if (data === null) rig.welcome(1)
    else rig.frame(1, data)
    t.same(rig.taken(), ['state recovering', 'closeLink 1 protocol_error'], name)
  }
  const rig = new Rig()
  rig.open(1)
  rig.event(1, 'early')
  t.same(rig.taken().slice(1), ['closeLink 1 protocol_error'], 'a counted frame before welcome')
  t.same(rig.delivered, [])
  rig.frame(9, 'e["a"]')
  t.same(rig.delivered, [], 'a link never heard of')
})

t.test('gone while listeners act', async (t) => {
  t.test('what they ask belongs to the next session, and the lost question is settled first', async (t) => {
    const rig = new Rig().connected()
    rig.session.emit('old', [], true)
    rig.sent(1)
    rig.onEffect = (entry) => {
      if (entry === 'state recovering') rig.session.emit('new', [], true)
    }
    rig.gone(1, 'room_lost', 0, 0)
    const order = rig.taken().filter((entry) => /^(settle|state|discontinuity)/.test(entry))
    t.same(order.slice(0, 3), ['settle 1 not_delivered', 'state recovering', 'discontinuity room_lost'])
    t.equal(rig.session.emitted, 1, 'the new one waits in the new session')
  })

  t.test('one that closes: nothing is told behind close', async (t) => {
    const rig = new Rig().connected()
    rig.onEffect = (entry) => {
      if (entry === 'state recovering') rig.session.close('closed_by_client', '', rig.now)
    }
    rig.gone(1, 'room_lost', 0, 0)
    t.equal(rig.session.state, 'closed')
    t.notOk(rig.taken().some((entry) => entry.startsWith('discontinuity')))
  })
})

t.test(
  'a message emitted before the limit was known, and above it, ends the session with a code',
  async (t) => {
    const rig = new Rig()
    rig.session.emit('big', ['x'.repeat(5000)], true)
    rig.open(1)
    rig.welcome(1, { limits: { payloadBytes: 1000, outboxBytes: 1000 } })
    t.equal(rig.session.state, 'closed', 'it would be refused at every replay')
    t.same(rig.taken().slice(-2), ['settle 1 not_delivered', 'close payload_too_large'])
  },
)

t.test('close says everything emitted before it, also on a link that is busy', async (t) => {
  const rig = new Rig().connected()
  rig.blocked.add(1)
  for (const name of ['a', 'b']) rig.session.emit(name, [])
  rig.session.close('closed_by_client', '', rig.now)
  const types = rig.sent(1).map((message) => message.type)
  t.same(types, ['event', 'event', 'close'])
})

t.test('counters beyond 2³¹', async (t) => {
  const up = 2 ** 31 + 5
  const down = 2 ** 32 + 9
  const calls = t.capture(Conversation.prototype, 'acknowledged', Conversation.prototype.acknowledged)
  const rig = new Rig().connected()
  const conversation = calls().at(-1)!.receiver as Conversation
  Object.assign(conversation.outbox, { base: up, end: up })
  conversation.sent = up
  conversation.inbox.count = down
  rig.session.linkClosed(1)

  t.equal(rig.session.emit('ask', [], true), up + 1)
  t.match(rig.open(2), { sent: up, received: down })
  rig.welcome(2, { from: down + 1, taken: up, handled: up })
  t.match(rig.sent(2), [{ type: 'event', wantsAnswer: true }])
  rig.frame(2, `a[${up + 1},true,"yes"]`)
  rig.question(2, 'name')
  t.equal(rig.delivered[0]?.number, down + 2)
  rig.session.answer(rig.delivered[0]!, { ok: true, value: 'Ann' })
  t.match(rig.sent(2), [{ type: 'answer', to: down + 2 }])
  rig.received(2, up + 1)
  t.equal(rig.session.handled, up + 1)
  rig.now += 5000
  t.same(rig.sent(2), [{ type: 'received', count: down + 2 }])

  const check = crcOf('q["ask"]')
  rig.session.linkClosed(2)
  t.match(rig.open(3), { sent: up + 2, received: down + 2 })
  // One frame is replayed that came before.
  rig.welcome(3, { from: down + 2, taken: up + 1, handled: up + 1, check })
  t.match(rig.sent(3), [{ type: 'answer', to: down + 2 }], 'what was not taken goes again')
  rig.question(3, 'name')
  rig.event(3, 'new')
  t.same(names(rig), ['name', 'new'])
  rig.received(3, up + 3)
  t.ok(rig.taken().includes('closeLink 3 protocol_error'), 'one more than was sent is a lie there, too')

  rig.session.emit('left', [])
  rig.open(4)
  rig.gone(4, 'session_expired', up + 2, up + 2)
  t.same(rig.discontinuities, [
    {
      code: 'session_expired',
      handled: up + 2,
      pending: [{ number: up + 3, name: 'left', fate: 'not_delivered' }],
    },
  ])
})
