import t from 'tap'
import { decodeItem } from '../../lib/bus/items.ts'
import { LimpetError } from '../../lib/wire/codes.ts'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { isRoomName } from '../../lib/worker/room.ts'
import { LIMITS, Peer, settle, TestWorker, type TestWorkerOptions } from '../support/core.ts'

/** Two workers; `far…` rooms have their home in the second. A client on each. */
const pair = async (limits: TestWorkerOptions['limits'] = {}) => {
  const fleet: TestWorker[] = []
  const here = new TestWorker({ slot: 0, fleet, limits })
  const there = new TestWorker({ slot: 1, fleet, limits })
  const ann = await Peer.connected(here, { key: 'ann' })
  const bob = await Peer.connected(there, { key: 'bob' })
  const [a, b] = [here.apps[0]!, there.apps[0]!]
  return { here, there, ann, bob, a, b, all: () => settle(here, there) }
}

const itemsTo = (worker: TestWorker, slot: number): string[] => {
  const outbox = worker.state.outbox(slot)
  const kinds: string[] = []
  for (let n = outbox.base + 1; n <= outbox.end; n++) {
    kinds.push(decodeItem(outbox.at(n).data as Uint8Array)!.kind)
  }
  return kinds
}

t.test('names', async (t) => {
  const { a } = await pair()
  const valid = ['a', 'x'.repeat(256), 'ä'.repeat(128), '😀'.repeat(64), 'a b/c', '__proto__']
  for (const name of valid) t.ok(isRoomName(name), name.slice(0, 10))
  const invalid = [
    '',
    'x'.repeat(257),
    `${'ä'.repeat(128)}a`,
    'a\u0000',
    'a\nb',
    '\u007f',
    '\u0085',
    '\ud800',
    'a\udc00b',
    7,
    null,
    undefined,
  ]
  for (const name of invalid) {
    t.notOk(isRoomName(name), JSON.stringify(name))
    await t.rejects(a.join(name as string), { code: 'room_invalid' })
    await t.rejects(a.leave(name as string), { code: 'room_invalid' })
    t.throws(() => a.to(name as string), { code: 'room_invalid' })
  }
  t.equal(a.rooms.size, 0)
})

for (const room of ['near', 'far']) {
  t.test(`join and leave, home ${room}`, async (t) => {
    const { here, there, ann, a, all } = await pair()
    const joining = a.join(room)
    if (room === 'far') t.equal(a.rooms.size, 0, 'not a member before the home said so')
    await all()
    await joining
    t.same([...a.rooms], [room])
    t.equal(await here.server.room(room).count(), 1)
    t.equal(await there.server.room(room).count(), 1)

    there.server.to(room).emit('said', 1)
    await all()
    t.same(ann.read(), ['event said 1'])

    await a.leave(room)
    t.equal(a.rooms.size, 0)
    there.server.to(room).emit('said', 2)
    await all()
    t.same(ann.read(), [])
    t.equal(await there.server.room(room).count(), 0)
    t.equal(here.state.rooms.size, 0)
    t.equal(ann.session?.rooms?.size, 0)
  })

  t.test(`one order for all members, home ${room}`, async (t) => {
    const { here, there, ann, bob, a, b, all } = await pair()
    void a.join(room)
    void b.join(room)
    await all()
    for (const n of [1, 2, 3]) {
      a.to(room).emit('said', 'ann', n)
      b.to(room).emit('said', 'bob', n)
      here.commit()
      there.commit()
      if (n === 2) await all()
    }
    await all()
    const heard = ann.read()
    t.equal(heard.length, 6)
    t.same(bob.read(), heard)
    for (const name of ['ann', 'bob']) {
      const own = heard.filter((what) => what.includes(name))
      t.same(
        own,
        [1, 2, 3].map((n) => `event said ${name} ${n}`),
      )
    }
  })

  t.test(`a publish right after an unawaited join reaches the sender, home ${room}`, async (t) => {
    const { ann, a, all } = await pair()
    a.to(room).emit('said', 'too early')
    void a.join(room)
    a.to(room).emit('said', 'mine')
    await all()
    t.same(ann.read(), ['event said mine'])
  })

  t.test(`except, home ${room}`, async (t) => {
    const { here, ann, bob, a, b, all } = await pair()
    const eve = await Peer.connected(here, { key: 'eve' })
    for (const app of [...here.apps, b]) void app.join(room)
    await all()
    a.to(room).except(a.id).emit('said', 'to others')
    here.server.to(room).except(a.id, b.id).emit('said', 'to eve')
    await all()
    t.same(ann.read(), [])
    t.same(bob.read(), ['event said to others'])
    t.same(eve.read(), ['event said to others', 'event said to eve'])
  })

  t.test(`volatile, home ${room}`, async (t) => {
    const { here, ann, bob, a, b, all } = await pair()
    void a.join(room)
    void b.join(room)
    await all()
    ann.link.writable = false
    b.to(room).except(b.id).volatile.emit('typing')
    a.to(room).volatile.except(a.id).emit('typing')
    await all()
    t.same(bob.read(), ['volatile typing'])
    ann.link.writable = true
    here.sessions.linkWritable(ann.link)
    await all()
    t.same(ann.read(), [], 'dropped for who could not take it')
    b.to(room).volatile.emit('typing')
    await all()
    t.same(ann.read(), ['volatile typing'])
    t.equal(ann.session?.outbox.end, 0, 'not counted')
    t.same((await here.server.room(room).history()).entries, [], 'and not remembered')
  })
}

t.test('joins that race', async (t) => {
  t.test('asked twice, one promise and one item', async (t) => {
    const { here, a, all } = await pair()
    const both = Promise.all([a.join('far'), a.join('far')])
    t.same(itemsTo(here, 1), ['join'])
    await all()
    await both
    await a.join('far')
    t.same(itemsTo(here, 1), [], 'a member asks nobody')
  })

  t.test('leave cancels a join that is pending', async (t) => {
    const { here, there, ann, a, all } = await pair()
    const joining = a.join('far')
    void a.leave('far')
    await t.rejects(joining, { name: 'LimpetError' })
    t.same(itemsTo(here, 1), ['join', 'leave'])
    await all()
    there.server.to('far').emit('said')
    await all()
    t.same(ann.read(), [])
    t.equal(a.rooms.size, 0)
    t.equal(ann.session?.rooms?.size, 0)
    t.equal(await there.server.room('far').count(), 0)
  })

  t.test('join, leave, join: only the answer to the last one counts', async (t) => {
    const { here, there, ann, a } = await pair()
    const first = a.join('far')
    void a.leave('far')
    const second = a.join('far')
    await t.rejects(first)
    here.commit()
    here.busDeliver(there)
    there.server.to('far').emit('said', 'to the first membership')
    here.busDeliver(there)
    here.busDeliver(there)
    there.server.to('far').emit('said', 'to the second')
    there.commit()
    t.equal(ann.session?.rooms?.get('far')?.answersDue, 2)
    there.busDeliver(here)
    t.equal(ann.session?.rooms?.get('far')?.answersDue, 1)
    t.equal(a.rooms.size, 0, 'the first answer is out of date')
    await settle(here, there)
    await second
    t.same([...a.rooms], ['far'])
    t.same(ann.read(), ['event said to the second'])
    t.equal(await there.server.room('far').count(), 1)
  })

  t.test('the session ends before the home answers', async (t) => {
    const { here, there, a, all } = await pair()
    const joining = a.join('far')
    a.close()
    await t.rejects(joining, { code: 'session_closed' })
    await all()
    t.equal(await there.server.room('far').count(), 0)
    t.equal(here.state.rooms.size, 0)
    await t.rejects(a.join('far'), { code: 'session_closed' })
  })
})

t.test('room_limit', async (t) => {
  const { ann, a, all } = await pair()
  for (const room of ['a', 'b', 'far']) void a.join(room)
  await t.rejects(a.join('c'), { code: 'room_limit' })
  await a.join('a')
  void a.leave('far')
  const again = a.join('far')
  await all()
  await again
  t.same([...a.rooms], ['a', 'b', 'far'], 'a room that was left can be joined again')
  await a.leave('a')
  await a.join('c')
  t.equal(ann.session?.rooms?.size, 3)
})

t.test('room_unavailable while too much waits for the home', async (t) => {
  const { here, there, ann, a, all } = await pair({ busBytes: 2000 })
  a.to('far').emit('said', 'x'.repeat(2000))
  t.throws(() => a.to('far').emit('said'), { code: 'room_unavailable' })
  await t.rejects(a.join('far'), { code: 'room_unavailable' })
  t.equal(ann.session?.rooms, null, 'nothing is left of it')
  t.same(itemsTo(here, 1), ['publish'])
  await a.join('near')
  a.to('near').emit('said', 'own rooms go on')
  await all()
  t.same(ann.read(), ['event said own rooms go on'])
  await Promise.all([a.join('far'), all()])
  t.equal(await there.server.room('far').count(), 1)
})

t.test('one item per interested worker, none to others', async (t) => {
  const { here, there, a, all } = await pair()
  const other = await Peer.connected(here, { key: 'other' })
  for (const app of here.apps) void app.join('far')
  await all()
  const before = there.state.outbox(0).end
  there.server.to('far').emit('said')
  t.same(there.state.outbox(0).end, before + 1, 'two members, one item')
  await all()
  t.same(other.read(), ['event said'])
  a.to('near').emit('said')
  t.equal(here.state.outbox(1).end, here.state.outbox(1).base, 'a room without members there')
  await a.join('near')
  a.to('near').emit('said')
  t.equal(here.state.outbox(0).end, 0, 'a home tells its own members directly')
})

t.test('messages to a room and to one session are two orders; one room is one order', async (t) => {
  const { ann, a, all } = await pair()
  void a.join('far')
  await all()
  ann.read()
  a.to('far').emit('a')
  a.emit('b')
  await all()
  t.same(ann.read(), ['event b', 'event a'], 'by way of the home')
  a.to('far').emit('a')
  a.to('far').emit('b')
  await all()
  t.same(ann.read(), ['event a', 'event b'])
})

t.test('a peer that lost its memory', async (t) => {
  const { here, there, ann, bob, a, b, all } = await pair()
  void a.join('far')
  void b.join('near')
  await all()
  const stays = await Peer.connected(here, { key: 'stays' })
  void here.apps[1]!.join('near')
  b.to('near').emit('said')
  await all()
  stays.read()
  t.equal(here.state.received(1), there.state.outbox(0).end)
  bob.lose()

  here.rooms.peerReset(1)
  here.commit()
  t.same(ann.read(), ['gone room_lost 0/0'], 'its room was ordered there')
  t.same(here.seen, ['open', 'open', 'close room_lost'])
  t.same(stays.read(), [])
  t.same(
    (await here.server.room('near').members()).map(({ id }) => id),
    [stays.id],
    'its members are gone from this home',
  )
  t.equal(here.state.homes.get('near')?.slots.has(1), false)
  t.equal(here.state.received(1), 0)
  const outbox = here.state.outbox(1).end
  here.server.to('near').emit('said', 'on')
  here.commit()
  t.same(stays.read(), ['event said on'])
  t.equal(here.state.outbox(1).end, outbox, 'nothing goes there any more')
})

t.test('a room that was left before its home answered, and lost its memory', async (t) => {
  const { here, a, ann } = await pair()
  void a.join('far').catch(() => {})
  void a.leave('far')
  here.rooms.peerReset(1)
  here.commit()
  t.same(ann.read(), [], 'it was in no room: nothing is lost for it')
  const membership = (): unknown => here.state.sessions.get(a.id)?.rooms?.get('far')
  t.equal(membership(), undefined, 'no answer is waited for that cannot come')
  void a.join('far')
  t.match(membership(), { standing: 'joining', answersDue: 1 })
})

t.test('messages for a room nobody is in any more are dropped', async (t) => {
  const { here, there } = await pair()
  const frame = new Frame(encodeEvent('said', []))
  const message = { kind: 'message', room: 'far', number: 1, except: [], volatile: false } as const
  here.rooms.item(1, 1, { ...message, frame: frame.data }, 7)
  here.rooms.item(1, 2, { kind: 'joined', room: 'far', session: 'nobody', number: 2 }, 8)
  here.commit()
  t.equal(here.state.received(1), 2)
  t.equal(here.state.rooms.size, 0)
  there.rooms.item(0, 1, { kind: 'leave', room: 'far', session: 'nobody' }, 9)
  t.equal(there.state.homes.size, 0)
})

t.test('a member that cannot take it ends alone', async (t) => {
  const { here, ann, a, all } = await pair()
  const fast = await Peer.connected(here, { key: 'fast' })
  for (const app of here.apps) void app.join('near')
  await all()
  ann.link.writable = false
  for (let i = 0; i < 20; i++) {
    a.to('near').emit('said', i, 'x'.repeat(1000))
    await all()
    fast.read()
    fast.send(`r${fast.inbox.count}`)
    if (ann.session === undefined) break
  }
  t.same(here.seen, ['open', 'open', 'close outbox_overflow'])
  t.ok(fast.inbox.count > 10)
  here.server.to('near').emit('said', 'last')
  await all()
  t.same(fast.read(), ['event said last'])
  t.equal(await here.server.room('near').count(), 1)
  t.ok(fast.session!.outbox.bytes < LIMITS.outboxBytes)
})

t.test('errors are of limpet', async (t) => {
  const { a } = await pair()
  await a.join('').catch((error) => t.ok(error instanceof LimpetError))
  t.plan(1)
})
