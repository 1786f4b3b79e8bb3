import t from 'tap'
import { checkpointOf, restore } from '../../lib/worker/checkpoint.ts'
import { hashOf, LIMITS, Peer, settle, TestWorker } from '../support/core.ts'
import { setUp, withSlow } from '../support/worker-setups.ts'

t.test('an outbox that is full', async (t) => {
  const kilobyte = 'x'.repeat(1000)

  t.test('while connected: gone, and a new session on the same link', async (t) => {
    const { worker, peer } = await setUp()
    peer.emit('say', 'taken')
    peer.link.writable = false
    for (let i = 0; i < 17; i++) worker.apps[0]!.emit('told', i, kilobyte)
    worker.apps[0]!.emit('small', 'one that would still fit')
    worker.commit()
    t.same(worker.seen, ['open', 'say taken', 'close outbox_overflow'])
    t.equal(worker.state.sessions.size, 0)
    t.same(peer.read(), [], 'the link is busy')
    peer.link.writable = true
    worker.sessions.linkWritable(peer.link)
    worker.commit()
    t.same(peer.read(), ['gone outbox_overflow 1/1'], 'a gap is never shown')
    t.notOk(peer.link.closed)
    peer.hello({ key: 'fresh', id: undefined })
    await settle(worker)
    t.same(peer.read(), ['welcome from 1 taken 0 handled 0'])
  })

  t.test('while its link is not read: the hello that follows is', async (t) => {
    const { worker, peer } = await withSlow()
    for (let i = 0; i < 5; i++) peer.emit('slow', kilobyte)
    t.notOk(peer.link.reading)
    for (let i = 0; i < 17; i++) worker.apps[0]!.emit('told', i, kilobyte)
    worker.commit()
    t.ok(peer.link.reading)
    peer.hello({ key: 'fresh', id: undefined })
    await settle(worker)
    t.match(peer.read().at(-1), /^welcome/)
  })

  t.test('while suspended: told on return', async (t) => {
    const { worker, peer } = await setUp()
    peer.emit('say', 'taken')
    peer.lose()
    const { session } = peer
    for (let i = 0; i < 16; i++) worker.apps[0]!.emit('told', i, kilobyte)
    worker.commit()
    t.equal(session?.phase.kind, 'suspended')
    worker.apps[0]!.emit('told', 'too much', kilobyte)
    worker.commit()
    t.same(worker.seen, ['open', 'say taken', 'suspend', 'close outbox_overflow'])
    t.equal(session?.outbox.bytes, 0, 'nothing is kept')
    t.same(await peer.connect(), ['gone outbox_overflow 1/1'])
  })

  t.test('a frame larger than the outbox passes alone', async (t) => {
    const { worker, peer } = await setUp({ outboxBytes: 2000 })
    peer.lose()
    worker.apps[0]!.emit('told', 'x'.repeat(3000))
    worker.commit()
    t.equal(peer.session?.phase.kind, 'suspended')
    worker.apps[0]!.emit('more')
    worker.commit()
    t.same(worker.seen.slice(-1), ['close outbox_overflow'])
  })

  t.test('what is received makes room', async (t) => {
    const { worker, peer } = await setUp()
    for (let i = 1; i <= 40; i++) {
      worker.apps[0]!.emit('told', kilobyte)
      worker.commit()
      peer.read()
      peer.send(`r${i}`)
    }
    worker.commit()
    t.equal(peer.session?.outbox.end, 40)
    t.equal(peer.session?.outbox.bytes, 0)
  })
})

t.test('grace', async (t) => {
  t.test('of a session that its process left: what that one had taken may have been handled', async (t) => {
    const { worker, peer } = await withSlow()
    peer.emit('slow')
    for (const returns of [false, true]) {
      const next = new TestWorker()
      for (const record of checkpointOf(worker.state)) restore(next.state, record)
      next.sessions.recover()
      const again = Object.assign(new Peer(next), { id: peer.id, attempt: 1, sent: 1 })
      if (returns) {
        t.same(await again.connect(), ['welcome from 1 taken 0 handled 0'])
        again.lose()
      }
      next.pass(LIMITS.graceMs + 100)
      const taken = returns ? 1 : Number.MAX_SAFE_INTEGER
      t.same(await again.connect(), [`gone session_expired 0/${taken}`])
    }
  })

  t.test('ends a session once and leaves its rooms at their homes', async (t) => {
    const { worker, peer } = await setUp()
    await worker.apps[0]!.join('room')
    peer.emit('say', 'x')
    await settle(worker)
    t.equal(await worker.server.room('room').count(), 1)
    peer.lose()
    worker.pass(LIMITS.graceMs - 50)
    t.equal(worker.state.sessions.size, 1)
    worker.pass(100)
    t.same(worker.seen, ['open', 'say x', 'suspend', 'close session_expired'])
    t.equal(await worker.server.room('room').count(), 0)
    t.equal(worker.state.rooms.size, 0)
    t.equal(worker.state.sessions.size + worker.state.byKey.size, 0)
    worker.pass(LIMITS.graceMs * 2)
    t.equal(worker.seen.length, 4)
  })

  t.test('is remembered: gone says what was handled and taken', async (t) => {
    const { worker, gates, peer } = await withSlow()
    peer.emit('say')
    peer.emit('slow')
    peer.emit('say')
    peer.lose()
    await settle(worker)
    worker.pass(LIMITS.graceMs + 50)
    gates[0]!.open()
    await settle(worker)
    t.same(worker.seen, ['open', 'say', 'slow', 'close session_expired'])
    t.same(await peer.connect(), ['gone session_expired 1/3'])
    t.notOk(peer.link.closed)
  })

  t.test('for ten times its length', async (t) => {
    const { worker, peer } = await setUp()
    peer.emit('say')
    peer.lose()
    worker.pass(LIMITS.graceMs + 50)
    worker.pass(10 * LIMITS.graceMs - 100)
    t.ok(worker.state.tombstones.has(hashOf('key')))
    worker.pass(200)
    t.notOk(worker.state.tombstones.has(hashOf('key')))
    t.ok(worker.sessions.idle)
    t.same(await peer.connect(), ['gone session_unknown 0/1'])
  })

  t.test('a return stops it', async (t) => {
    const { worker, peer } = await setUp()
    peer.emit('say')
    peer.lose()
    worker.pass(LIMITS.graceMs - 1000)
    await peer.connect()
    worker.pass(2000)
    t.equal(worker.apps[0]!.state, 'connected')
    peer.lose()
    worker.pass(LIMITS.graceMs - 1000)
    t.equal(worker.apps[0]!.state, 'suspended', 'it begins again')
    worker.pass(1050)
    t.equal(worker.apps[0]!.state, 'closed')
  })

  t.test('of an earlier wait does not end a later one', async (t) => {
    const { worker, peer } = await setUp()
    peer.emit('say')
    peer.lose()
    worker.pass(5000)
    await peer.connect()
    peer.lose()
    worker.pass(LIMITS.graceMs - 50)
    t.equal(worker.apps[0]!.state, 'suspended')
    worker.pass(100)
    t.equal(worker.apps[0]!.state, 'closed')
  })

  t.test('is 10 s for a session without any counted frame and room', async (t) => {
    const { worker, peer } = await setUp()
    peer.lose()
    worker.pass(9950)
    t.equal(worker.apps[0]!.state, 'suspended')
    worker.pass(100)
    t.same(worker.seen, ['open', 'suspend', 'close session_expired'])
  })

  const worthIt: Record<string, (worker: TestWorker, peer: Peer) => unknown> = {
    'a frame to it': (worker) => worker.apps[0]!.emit('x'),
    'a frame from it': (_worker, peer) => peer.emit('say'),
    'a room': (worker) => worker.apps[0]!.join('room'),
  }
  for (const [what, happen] of Object.entries(worthIt)) {
    for (const when of ['before', 'after']) {
      if (what === 'a frame from it' && when === 'after') continue
      t.test(`is whole with ${what} ${when} the link was lost`, async (t) => {
        const { worker, peer } = await setUp()
        if (when === 'before') happen(worker, peer)
        await settle(worker)
        peer.lose()
        if (when === 'after') happen(worker, peer)
        worker.pass(11_000)
        t.equal(worker.apps[0]!.state, 'suspended')
        worker.pass(LIMITS.graceMs - 11_000 + 50)
        t.equal(worker.apps[0]!.state, 'closed')
        t.same(worker.seen.slice(-1), ['close session_expired'])
      })
    }
  }
})

t.test('no more than 10,000 dead sessions are remembered', async (t) => {
  const { worker } = await setUp()
  for (let i = 0; i <= 10_000; i++) {
    const peer = new Peer(worker, { key: `key${i}` })
    peer.open()
    peer.hello()
    worker.sessions.end(peer.session!, 'closed_by_server', '', 'close')
  }
  t.equal(worker.state.tombstones.size, 10_000)
  t.notOk(worker.state.tombstones.has(hashOf('key0')), 'the oldest is forgotten')
})

t.test('a client that does not take the end of its session is cut off', async (t) => {
  const worker = new TestWorker()
  const peer = await Peer.connected(worker)
  const { session } = peer
  worker.apps[0]!.emit('told')
  peer.link.writable = false
  worker.apps[0]!.close('banned')
  worker.commit()
  worker.pass(4000)
  t.notOk(peer.link.terminated)
  worker.pass(1100)
  t.ok(peer.link.terminated)
  t.equal(session?.outbox.bytes, 0)
  t.equal(session?.link, null)
})

t.test('a code that says come back lets the client begin anew', async (t) => {
  const worker = new TestWorker()
  const peer = await Peer.connected(worker)
  worker.apps[0]!.close('busy')
  worker.commit()
  t.same(peer.read(), ['gone busy 0/0'])
})
