import t from 'tap'
import { LimpetError } from '../../lib/wire/codes.ts'
import { encodeEvent } from '../../lib/wire/frames.ts'
import { gate, Peer, settle, TestWorker } from '../support/core.ts'

const setUp = async (): Promise<{ worker: TestWorker; peer: Peer }> => {
  const worker = new TestWorker()
  worker.listen('say')
  return { worker, peer: await Peer.connected(worker) }
}

t.test('a first hello begins a session', async (t) => {
  const worker = new TestWorker()
  const hellos: unknown[] = []
  worker.server.use((hello) => void hellos.push(hello))
  const peer = new Peer(worker)
  const link = peer.open()
  peer.hello({ auth: { token: 1 } })
  worker.commit()
  t.same(peer.read(), ['welcome from 1 taken 0 handled 0'])
  t.same(worker.seen, ['open'])
  t.same(hellos, [
    { auth: { token: 1 }, address: '127.0.0.1', headers: { 'user-agent': 'test' }, segment: 'segment' },
  ])
  t.equal(link.headers, null, 'the headers are not kept')
  const other = new Peer(worker)
  const named = other.open()
  named.headers = { cookie: 'a=1', 'user-agent': 'test' }
  other.hello({ key: 'another' })
  t.same(named.headers, { cookie: 'a=1' }, 'but what a client that begins again on this link is known by')
  t.equal(peer.session?.id, peer.id)
  t.equal(peer.session?.segment, 'segment')
})

t.test('takeover', async (t) => {
  t.test('half-open: the new link has the session at once, the old one is fenced', async (t) => {
    const { worker, peer } = await setUp()
    const { session } = peer
    const old = peer.link
    peer.emit('say', 'before')
    await settle(worker)
    t.same(peer.read(), [])
    t.same(await peer.connect(), ['welcome from 1 taken 1 handled 1'])
    t.equal(peer.session, session)
    t.same(old.heard(), ['close link_replaced by page'])
    t.ok(old.closed)
    t.same(worker.seen, ['open', 'say before'], 'the application noticed nothing')

    peer.send(encodeEvent('say', ['late']), old)
    peer.send('r1', old)
    peer.send('c{"code":"closed_by_client","reason":""}', old)
    peer.send('nonsense', old)
    peer.lose(old)
    await settle(worker)
    t.same(worker.seen, ['open', 'say before'])
    t.equal(session?.inbox.count, 1)
    t.equal(session?.phase.kind, 'connected')
    t.equal(session?.link, peer.link)
    peer.emit('say', 'after')
    await settle(worker)
    t.same(worker.seen, ['open', 'say before', 'say after'])
  })

  t.test('by another instance: the old link is told who has the session now', async (t) => {
    const { worker, peer } = await setUp()
    const old = peer.link
    peer.instance = 'other-page'
    t.same(await peer.connect(), ['welcome from 1 taken 0 handled 0'])
    t.same(old.heard(), ['close taken_over by other-page'])
    t.ok(old.closed)
    t.same(worker.seen, ['open'])
    t.equal(worker.state.sessions.size, 1)
  })

  t.test('frames not received by the old link leave on the new one, before what comes later', async (t) => {
    const { worker, peer } = await setUp()
    peer.link.writable = false
    worker.apps[0]!.emit('one')
    worker.commit()
    worker.apps[0]!.emit('two')
    peer.open()
    peer.hello()
    worker.apps[0]!.emit('three')
    worker.commit()
    t.same(peer.read(), ['welcome from 1 taken 0 handled 0', 'event one', 'event two', 'event three'])
  })

  t.test('the welcome skips what was received', async (t) => {
    const { worker, peer } = await setUp()
    for (const name of ['one', 'two', 'three']) worker.apps[0]!.emit(name)
    worker.commit()
    peer.read()
    peer.lose()
    worker.apps[0]!.emit('four')
    t.same(await peer.connect(), ['welcome from 4 taken 0 handled 0', 'event four'])
    t.equal(peer.session?.outbox.base, 3, 'the hello said received 3')
  })
})

t.test('a late hello', async (t) => {
  t.test('of the same instance neither takes over nor disturbs', async (t) => {
    const { worker, peer } = await setUp()
    await peer.connect()
    const { link, session } = peer
    for (const attempt of [2, 1]) {
      const late = peer.open()
      peer.hello({ attempt })
      await settle(worker)
      t.same(late.heard(), ['close stale_attempt'])
      t.ok(late.closed)
    }
    t.equal(session?.link, link)
    t.notOk(link.closed)
    t.same(link.heard(), [])
    t.same(worker.seen, ['open'])
    t.equal(session?.attempt, 2)
  })

  t.test('of a former instance, too', async (t) => {
    const { worker, peer } = await setUp()
    peer.instance = 'other-page'
    await peer.connect()
    const { link } = peer
    const late = peer.open()
    peer.hello({ instance: 'page', attempt: 1 })
    await settle(worker)
    t.same(late.heard(), ['close stale_attempt'])
    t.equal(peer.session?.link, link)
    t.same(link.heard(), [])
    const back = peer.open()
    peer.hello({ instance: 'page', attempt: 2 })
    await settle(worker)
    t.equal(peer.session?.link, back, 'a later attempt of it takes over again')
    t.same(link.heard(), ['close taken_over by page'])
  })

  t.test('does not wake a session that waits', async (t) => {
    const { worker, peer } = await setUp()
    peer.lose()
    peer.open()
    peer.hello({ attempt: 1 })
    await settle(worker)
    t.equal(peer.session?.phase.kind, 'suspended')
    t.same(worker.seen, ['open', 'suspend'])
  })
})

t.test('a lost first welcome: the same session is found by its key', async (t) => {
  const worker = new TestWorker()
  let admitted = 0
  worker.server.use(() => {
    admitted += 1
  })
  const peer = new Peer(worker)
  peer.open()
  peer.hello()
  await settle(worker)
  const { session } = peer
  peer.lose()
  peer.open()
  peer.hello()
  await settle(worker)
  t.equal(peer.id, undefined, 'the first welcome was never read')
  t.same(peer.read(), ['welcome from 1 taken 0 handled 0'])
  t.equal(peer.id, session?.id)
  t.equal(worker.state.sessions.size, 1, 'no ghost')
  t.equal(worker.state.byKey.size, 1)
  t.equal(admitted, 1)
  t.same(
    worker.seen.filter((what) => what === 'open'),
    ['open'],
  )
})

t.test('while `use` is at work', async (t) => {
  const admitting = () => {
    const worker = new TestWorker()
    const { promise, open, fail } = gate()
    let asked = 0
    worker.server.use(async () => {
      asked += 1
      await promise
    })
    const peer = new Peer(worker)
    const first = peer.open()
    peer.hello()
    return { worker, peer, first, asked: () => asked, promise, open, fail }
  }

  t.test('the hello of a later attempt takes the place of the first', async (t) => {
    const { worker, peer, first, asked, open } = admitting()
    const second = peer.open()
    peer.hello()
    await settle(worker)
    t.same(first.heard(), ['close link_replaced'])
    t.ok(first.closed)
    t.same(second.heard(), [])
    open()
    await settle(worker)
    t.same(second.heard(), ['welcome from 1 taken 0 handled 0'])
    t.equal(asked(), 1)
    t.same(worker.seen, ['open'])
    t.equal(worker.state.sessions.size, 1)
    t.equal(peer.session?.attempt, 2)
  })

  t.test('a late hello is sent away', async (t) => {
    const { worker, peer, first, open } = admitting()
    const late = peer.open()
    peer.hello({ attempt: 1 })
    t.same(late.heard(), ['close stale_attempt'])
    open()
    await settle(worker)
    t.same(first.heard(), ['welcome from 1 taken 0 handled 0'])
    t.equal(peer.session?.link, first)
  })

  t.test('the client goes away: no session; its next hello asks again', async (t) => {
    const { worker, peer, first, asked, open } = admitting()
    peer.lose(first)
    open()
    await settle(worker)
    t.equal(worker.state.sessions.size, 0)
    t.same(worker.seen, [])
    t.same(first.heard(), [])
    t.same(await peer.connect(), ['welcome from 1 taken 0 handled 0'])
    t.equal(asked(), 2)
  })

  t.test(
    'it takes too long: the client is told to come later, and its answer counts for nothing',
    async (t) => {
      const { worker, peer, first, asked, open } = admitting()
      worker.pass(5900)
      t.same(first.heard(), [])
      t.notOk(worker.sessions.idle)
      worker.pass(150)
      t.same(first.heard(), ['close busy'])
      t.ok(first.closed)
      const second = peer.open()
      peer.hello()
      t.equal(asked(), 2, 'the next hello asks anew')
      open()
      await settle(worker)
      t.same(second.heard(), ['welcome from 1 taken 0 handled 0'])
      t.same(worker.seen, ['open'], 'one session')
      worker.pass(6000)
      t.notOk(second.closed)
    },
  )

  t.test('it takes too long, and another link has taken the place of the first', async (t) => {
    const { worker, peer, first } = admitting()
    worker.pass(3000)
    const second = peer.open()
    peer.hello()
    worker.pass(3050)
    t.same([first.heard(), second.heard()], [['close link_replaced'], ['close busy']])
  })

  t.test('nobody is there any more when its time is over', async (t) => {
    const { worker, peer, first } = admitting()
    peer.lose(first)
    worker.pass(6050)
    t.same(first.heard(), [])
    t.ok(worker.sessions.idle)
  })

  t.test('the client goes away and is back before it answers', async (t) => {
    const { worker, peer, first, asked, open } = admitting()
    peer.lose(first)
    const second = peer.open()
    peer.hello()
    open()
    await settle(worker)
    t.same(second.heard(), ['welcome from 1 taken 0 handled 0'])
    t.equal(asked(), 1)
  })

  t.test('hello twice on one link', async (t) => {
    const { worker, peer, first, open } = admitting()
    peer.hello()
    t.same(first.heard(), ['close protocol_error'])
    open()
    await settle(worker)
    t.equal(worker.state.sessions.size, 0)
  })

  t.test('another frame before the welcome', async (t) => {
    const { peer, first } = admitting()
    peer.emit('say', 'early')
    t.same(first.heard(), ['close protocol_error'])
  })

  t.test('the hello deadline does not count', async (t) => {
    const { worker, first, open } = admitting()
    worker.pass(3100)
    t.notOk(first.closed)
    open()
    await settle(worker)
    t.same(first.heard(), ['welcome from 1 taken 0 handled 0'])
  })

  t.test('a refusal names the code to whoever waits', async (t) => {
    const { worker, peer, fail } = admitting()
    const second = peer.open()
    peer.hello()
    fail(new LimpetError('not_for_you', 'go away'))
    await settle(worker)
    t.same(second.heard(), ['close not_for_you'])
    t.ok(second.closed)
    t.equal(worker.state.sessions.size, 0)
  })
})

t.test('keys, ids and segments that do not fit', async (t) => {
  t.test('a wrong key with the right id touches nothing', async (t) => {
    const { worker, peer } = await setUp()
    const { link, session } = peer
    peer.sent = 7
    const thief = peer.open()
    peer.hello({ key: 'wrong', instance: 'thief' })
    await settle(worker)
    t.same(thief.heard(), ['gone session_unknown 0/7'])
    t.equal(session?.link, link)
    t.same(link.heard(), [])
    t.same(worker.seen, ['open'])
    t.equal(worker.state.sessions.size, 1)
  })

  t.test('another segment', async (t) => {
    const { worker, peer } = await setUp()
    const { link, session } = peer
    peer.emit('say', 'one')
    await settle(worker)
    peer.segment = 'elsewhere'
    const stray = peer.open()
    peer.hello()
    await settle(worker)
    t.same(stray.heard(), ['gone segment_mismatch 1/1'])
    t.equal(session?.link, link, 'the session is as it was')
    t.same(link.heard(), [])
    t.equal(session?.attempt, 1)
  })

  t.test('the id of another session', async (t) => {
    const { worker, peer } = await setUp()
    const link = peer.open()
    peer.hello({ sent: 3, id: 'session0-99' })
    await settle(worker)
    t.same(link.heard(), ['gone session_unknown 0/3'])
    t.same(worker.seen, ['open', 'close session_unknown'])
  })

  t.test('the id of another session than the one that ended under this key', async (t) => {
    const { worker, peer } = await setUp()
    for (const says of ['gone', 'close'] as const) {
      worker.sessions.end(peer.session!, 'over', '', says)
      const link = peer.open()
      peer.hello({ sent: 3, id: 'session0-99' })
      await settle(worker)
      t.same(link.heard(), ['gone session_unknown 0/3'])
      peer.key += 'b'
      peer.id = undefined
      await peer.connect()
    }
  })
})

t.test('counts that lie', async (t) => {
  const withTwo = async (): Promise<{ worker: TestWorker; peer: Peer }> => {
    const { worker, peer } = await setUp()
    worker.apps[0]!.emit('one')
    worker.apps[0]!.emit('two')
    peer.emit('say', 'x')
    await settle(worker)
    peer.read()
    peer.lose()
    return { worker, peer }
  }

  for (const [what, lie] of Object.entries({
    'a count of more than was sent': { received: 3 },
    'a rolling check that disagrees': { check: 12345 },
    'a count that does not fit its check': { received: 1 },
  })) {
    t.test(`${what} ends the session and begins a new one`, async (t) => {
      const { worker, peer } = await withTwo()
      const link = peer.open()
      peer.hello(lie)
      await settle(worker)
      t.same(link.heard(), ['gone count_mismatch 1/1'])
      t.notOk(link.closed)
      t.same(worker.seen.slice(-1), ['close count_mismatch'])
      t.equal(worker.state.sessions.size, 0)
      peer.hello({ key: 'fresh', id: undefined, received: 0, check: 0 })
      await settle(worker)
      t.same(link.heard(), ['welcome from 1 taken 0 handled 0'])
    })
  }

  t.test('the old link of that session is closed, too', async (t) => {
    const { worker, peer } = await setUp()
    const old = peer.link
    old.take()
    peer.open()
    peer.hello({ received: 3 })
    await settle(worker)
    t.same(peer.link.heard(), ['gone count_mismatch 0/0'])
    t.same(old.heard(), ['close count_mismatch'])
    t.ok(old.closed)
    t.equal(worker.state.tombstones.size, 0)
  })

  t.test(
    'a count below what was forgotten is no lie: `received` on the old link overtook the hello',
    async (t) => {
      const { worker, peer } = await withTwo()
      await peer.connect()
      peer.send('r2')
      const link = peer.open()
      peer.hello({ received: 0, check: 0 })
      worker.apps[0]!.emit('three')
      await settle(worker)
      t.same(link.heard(), ['welcome from 3 taken 1 handled 1', 'event three'])
    },
  )

  t.test('a first hello that claims to have received something', async (t) => {
    const worker = new TestWorker()
    const peer = new Peer(worker)
    const link = peer.open()
    peer.hello({ received: 5, check: 77 })
    await settle(worker)
    t.same(link.heard(), ['close protocol_error'])
    t.equal(worker.state.sessions.size, 0)
  })

  t.test('`sent` below what was taken is no lie: the old link went on meanwhile', async (t) => {
    const { peer } = await withTwo()
    peer.sent = 0
    t.same(await peer.connect(), ['welcome from 3 taken 1 handled 1'])
  })
})

t.test('first frames that are no hello', async (t) => {
  for (const [what, data] of Object.entries({
    'an event': encodeEvent('say', []),
    nonsense: 'x',
    nothing: '',
    bytes: new Uint8Array([1, 2, 3]),
    'half a hello': 'h{"version":1',
    'a hello without a key': 'h{"version":1,"instance":"i","attempt":1,"sent":0,"received":0,"check":0}',
    'a welcome': 'w{}',
  })) {
    t.test(what, async (t) => {
      const worker = new TestWorker()
      const peer = new Peer(worker)
      peer.open()
      peer.send(data)
      t.same(peer.link.heard(), ['close protocol_error'])
      t.ok(peer.link.closed)
      peer.hello()
      await settle(worker)
      t.equal(worker.state.sessions.size, 0, 'nothing counts on it any more')
    })
  }
})

t.test('a client that closes before its hello, or while `use` is at work', async (t) => {
  const worker = new TestWorker()
  const { promise, open } = gate()
  worker.server.use(() => promise)
  const peer = new Peer(worker)
  for (const says of [() => {}, () => peer.hello()]) {
    peer.open()
    says()
    peer.send('c{"code":"closed_by_client","reason":""}')
    t.ok(peer.link.closed)
    t.same(peer.link.heard(), [])
  }
  open()
  await settle(worker)
  t.equal(worker.state.sessions.size, 0)
})

t.test('another version', async (t) => {
  const worker = new TestWorker()
  const peer = new Peer(worker)
  peer.open()
  peer.hello({ version: 2 })
  t.same(peer.link.heard(), ['close version_unsupported'])
  t.equal(worker.state.sessions.size, 0)
})

t.test('hello_timeout', async (t) => {
  const worker = new TestWorker()
  t.ok(worker.sessions.idle)
  const peer = new Peer(worker)
  peer.open()
  t.notOk(worker.sessions.idle)
  worker.pass(2999)
  t.same(peer.link.heard(), [])
  worker.pass(51)
  t.same(peer.link.heard(), ['close hello_timeout'])
  t.ok(peer.link.closed)
  t.ok(worker.sessions.idle)

  const closed = peer.open()
  peer.lose(closed)
  worker.pass(4000)
  t.same(closed.heard(), [], 'a link that closed is told nothing')
})

t.test('after `gone`, on the same link', async (t) => {
  const parted = async (): Promise<{ worker: TestWorker; peer: Peer }> => {
    const { worker, peer } = await setUp()
    worker.sessions.end(peer.session!, 'room_lost', '', 'gone')
    peer.emit('say', 'before it leaves')
    await settle(worker)
    t.same(peer.read(), ['gone room_lost 0/0'])
    return { worker, peer }
  }

  t.test('what was in flight is ignored until a hello begins a new session', async (t) => {
    const { worker, peer } = await parted()
    peer.emit('say', 'in flight')
    peer.send('r0')
    peer.send('nonsense')
    t.notOk(peer.link.closed)
    t.equal(worker.state.sessions.size, 0)
    peer.hello({ key: 'fresh', id: undefined, received: 0, check: 0 })
    await settle(worker)
    t.same(peer.read(), ['welcome from 1 taken 0 handled 0'])
    t.same(worker.seen, ['open', 'close room_lost', 'open'])
    peer.key = 'fresh'
    t.equal(peer.session?.link, peer.link)
    peer.emit('say', 'in the new session')
    await settle(worker)
    t.same(worker.seen.slice(3), ['say in the new session'])
  })

  t.test('a close ends the link', async (t) => {
    const { worker, peer } = await parted()
    peer.send('c{"code":"closed_by_client","reason":""}')
    t.ok(peer.link.closed)
    peer.hello({ key: 'fresh', id: undefined })
    t.same(peer.read(), [])
    t.equal(worker.state.sessions.size, 0)
  })

  t.test('the hello has its deadline, too', async (t) => {
    const { worker, peer } = await parted()
    worker.pass(2999)
    t.notOk(peer.link.closed)
    worker.pass(51)
    t.same(peer.read(), ['close hello_timeout'])
  })

  t.test('the same key is told again', async (t) => {
    const { worker, peer } = await parted()
    peer.hello()
    await settle(worker)
    t.same(peer.read(), ['gone room_lost 0/0'])
    t.notOk(peer.link.closed)
  })
})

t.test('a session that the server closed', async (t) => {
  const { worker, peer } = await setUp()
  peer.lose()
  worker.apps[0]!.close('enough', 'of you')
  await settle(worker)
  t.same(await peer.connect(), ['close enough'])
  t.ok(peer.link.closed)
  t.equal(worker.state.sessions.size, 0)
})

for (const [why, code] of [
  ['stop', 'shutting_down'],
  ['drain', 'draining'],
] as const)
  t.test(`the worker ends: ${why}`, async (t) => {
    const worker = new TestWorker()
    const { promise } = gate()
    worker.server.use(() => promise)
    const silent = new Peer(worker).open()
    const waiting = new Peer(worker, { key: 'waiting' })
    waiting.open()
    waiting.hello()
    worker.sessions.shutDown(why)
    for (const link of [silent, waiting.link]) {
      t.same(link.heard(), [`close ${code}`])
      t.ok(link.closed)
    }
  })
