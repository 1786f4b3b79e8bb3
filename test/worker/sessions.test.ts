import t from 'tap'
import { encodeAnswer, encodeEvent, encodeVolatile } from '../../lib/wire/frames.ts'
import { gate, LIMITS, Peer, settle, TestWorker } from '../support/core.ts'
import { setUp, withSlow } from '../support/worker-setups.ts'

const CLOSE = 'c{"code":"closed_by_client","reason":""}'

t.test('lifecycle', async (t) => {
  t.test('suspend and resume', async (t) => {
    const { worker, peer } = await setUp()
    t.equal(worker.apps[0]!.state, 'connected')
    peer.lose()
    await settle(worker)
    t.equal(worker.apps[0]!.state, 'suspended')
    await peer.connect()
    t.same(worker.seen, ['open', 'suspend', 'resume'])
    t.equal(worker.apps.length, 1)
  })

  t.test('keep their order behind a slow handler', async (t) => {
    const { worker, gates, peer } = await withSlow()
    peer.emit('slow')
    peer.emit('say', 'before')
    peer.lose()
    await peer.connect()
    peer.emit('say', 'after')
    peer.lose()
    worker.apps[0]!.close('enough')
    await settle(worker)
    t.same(worker.seen, ['open', 'slow'])
    gates[0]!.open()
    await settle(worker)
    t.same(worker.seen, ['open', 'slow', 'close enough'], 'an end does not wait for what is queued')
  })

  t.test('each in its turn when the session lives', async (t) => {
    const { worker, gates, peer } = await withSlow()
    peer.emit('slow')
    peer.emit('say', 'before')
    peer.lose()
    await peer.connect()
    peer.emit('say', 'after')
    gates[0]!.open()
    await settle(worker)
    t.same(worker.seen, ['open', 'slow', 'say before', 'suspend', 'resume', 'say after'])
  })

  t.test('the client closes: what it sent before is handled, then close, once', async (t) => {
    const { worker, gates, peer } = await withSlow()
    peer.emit('slow')
    peer.emit('say', 'before')
    peer.send(CLOSE)
    const { link } = peer
    t.ok(link.closed)
    peer.send(encodeEvent('say', ['behind the close']))
    peer.send(CLOSE)
    peer.lose()
    await settle(worker)
    t.same(worker.seen, ['open', 'slow'])
    gates[0]!.open()
    await settle(worker)
    t.same(worker.seen, ['open', 'slow', 'say before', 'close closed_by_client'])
    t.equal(worker.state.sessions.size, 0)
    t.equal(worker.state.tombstones.size, 0, 'nobody will ask')
    worker.pass(LIMITS.graceMs * 2)
    t.equal(worker.seen.length, 4)
  })

  t.test('the client closes and a handler never ends: grace ends it', async (t) => {
    const { worker, peer } = await withSlow()
    peer.emit('slow')
    peer.send(CLOSE)
    worker.pass(LIMITS.graceMs - 50)
    t.equal(worker.state.sessions.size, 1)
    worker.pass(100)
    t.equal(worker.state.sessions.size, 0)
    t.equal(worker.apps[0]!.state, 'closed')
  })

  t.test('the server closes in a handler: what was emitted in that turn leaves before', async (t) => {
    const worker = new TestWorker()
    worker.listen('bye', () => {
      worker.apps[0]!.emit('one')
      worker.apps[0]!.volatile.emit('two')
      worker.apps[0]!.close('done', 'because')
    })
    worker.listen('say')
    const peer = await Peer.connected(worker)
    worker.apps[0]!.emit('zero')
    peer.emit('bye')
    peer.emit('say', 'behind')
    await settle(worker)
    t.same(peer.link.writes.length, 2, 'the welcome, then all in one write')
    t.same(peer.read(), ['event zero', 'event one', 'volatile two', 'close done'])
    t.ok(peer.link.closed)
    t.same(worker.seen, ['open', 'bye', 'close done'])
    peer.lose()
    worker.pass(LIMITS.graceMs * 2)
    t.same(worker.seen, ['open', 'bye', 'close done'])
  })

  t.test('the close waits for all pages', async (t) => {
    const { worker, peer } = await setUp({ outboxBytes: 1 << 20, payloadBytes: 200_000 })
    peer.link.writable = false
    for (const n of [1, 2, 3]) worker.apps[0]!.emit('told', n, 'x'.repeat(150_000))
    worker.apps[0]!.close()
    worker.commit()
    const counts: number[] = []
    while (!peer.link.closed && counts.length < 5) {
      peer.link.writable = true
      worker.sessions.linkWritable(peer.link)
      worker.commit()
      counts.push(peer.read().length)
    }
    t.same(counts, [2, 2], 'two frames, then one and the close')
  })

  t.test('a write that waits comes when the link can take it', async (t) => {
    const { worker, peer } = await setUp()
    peer.link.writable = false
    worker.apps[0]!.emit('one')
    worker.commit()
    t.same(peer.read(), [])
    peer.link.writable = true
    worker.sessions.linkWritable(peer.link)
    worker.commit()
    t.same(peer.read(), ['event one'])
    worker.sessions.linkWritable(peer.link)
    t.equal(worker.due, null, 'with nothing to send nothing is due')
  })
})

t.test('volatile', async (t) => {
  t.test('leaves behind the counted frames of its turn', async (t) => {
    const { worker, peer } = await setUp()
    worker.apps[0]!.volatile.emit('fleeting')
    worker.apps[0]!.emit('lasting')
    worker.commit()
    t.same(peer.read(), ['event lasting', 'volatile fleeting'])
  })

  t.test('is dropped when the link cannot take it, and never replayed', async (t) => {
    const { worker, peer } = await setUp()
    peer.link.writable = false
    worker.apps[0]!.volatile.emit('lost')
    t.equal(peer.session?.after, null, 'nothing is held for it')
    worker.apps[0]!.emit('kept')
    worker.commit()
    peer.link.writable = true
    worker.sessions.linkWritable(peer.link)
    worker.commit()
    t.same(peer.read(), ['event kept'])
    peer.lose()
    worker.apps[0]!.volatile.emit('lost, too')
    t.same(await peer.connect(), ['welcome from 2 taken 0 handled 0'])
    t.equal(peer.session?.outbox.end, 1)
  })

  t.test('is dropped when the link stops taking before the turn ends', async (t) => {
    const { worker, peer } = await setUp()
    worker.apps[0]!.volatile.emit('lost')
    peer.link.writable = false
    worker.commit()
    peer.link.writable = true
    worker.sessions.linkWritable(peer.link)
    worker.commit()
    t.same(peer.read(), [])
  })

  t.test('of a client is handled, but not counted', async (t) => {
    const { worker, peer } = await setUp()
    peer.send(encodeVolatile('say', ['hi']))
    await settle(worker)
    t.same(worker.seen, ['open', 'say hi'])
    t.equal(peer.session?.inbox.count, 0)
    t.equal(peer.session?.handled, 0)
  })
})

t.test('an async handler that outlives its link', async (t) => {
  const asked = async () => {
    const worker = new TestWorker()
    const { promise, open } = gate()
    let effect: unknown = null
    worker.listen('ask', async () => {
      await promise
      try {
        worker.apps[0]!.emit('told')
      } catch (error) {
        effect = error
      }
      return 'done'
    })
    worker.listen('say')
    const peer = await Peer.connected(worker)
    peer.ask('ask')
    peer.emit('say')
    await settle(worker)
    peer.lose()
    return { worker, peer, open, effect: () => effect }
  }

  t.test('done while the client is away: effects and answer wait for it, and leave once', async (t) => {
    const { worker, peer, open } = await asked()
    open()
    await settle(worker)
    t.same(await peer.connect(), ['welcome from 1 taken 2 handled 2', 'event told', 'answer 1 "done"'])
    t.same(worker.seen, ['open', 'ask', 'say', 'suspend', 'resume'])
    t.same(await peer.connect(), ['welcome from 3 taken 2 handled 2'])
  })

  t.test('done when the client is back: effects and answer leave on the new link', async (t) => {
    const { worker, peer, open } = await asked()
    t.same(await peer.connect(), ['welcome from 1 taken 2 handled 0'])
    open()
    await settle(worker)
    t.same(peer.read(), ['event told', 'answer 1 "done"'])
    t.same(worker.seen, ['open', 'ask', 'say', 'suspend', 'resume'])
  })

  t.test('an ack to an expired session goes nowhere, and effects throw', async (t) => {
    const { worker, peer, open, effect } = await asked()
    const { session } = peer
    worker.pass(LIMITS.graceMs + 50)
    open()
    await settle(worker)
    t.match(effect(), { code: 'session_closed' })
    t.equal(session?.outbox.end, 0)
    t.same(worker.seen, ['open', 'ask', 'close session_expired'], 'what stood behind it does not run')
    t.same(await peer.connect(), ['gone session_expired 0/2'])
  })

  t.test(
    "a client's ack to an expired session is passed over, and its next session is unharmed",
    async (t) => {
      const { worker, peer } = await setUp()
      const question = worker.apps[0]!.emitWithAck('name')
      worker.commit()
      t.same(peer.read(), ['question name'])
      peer.lose()
      worker.pass(LIMITS.graceMs + 50)
      await t.rejects(question, { code: 'unknown' })
      t.same(await peer.connect(), ['gone session_expired 0/0'])
      peer.send(encodeAnswer(1, { ok: true, value: 'Ann' }))
      peer.hello({ key: 'fresh', id: undefined, received: 0, check: 0 })
      await settle(worker)
      t.same(peer.read(), ['welcome from 1 taken 0 handled 0'])
      const again = worker.apps[1]!.emitWithAck('name')
      peer.send(encodeAnswer(1, { ok: true, value: 'Bob' }))
      t.equal(await again, 'Bob')
    },
  )
})

t.test('counters beyond 2³¹', async (t) => {
  const up = 2 ** 31 + 5
  const down = 2 ** 32 + 9
  const worker = new TestWorker()
  worker.listen('ask', (...args) => (args.at(-1) as { id: string }).id)
  const peer = await Peer.connected(worker)
  const [app] = worker.apps
  peer.lose()
  const session = peer.session!
  Object.assign(session, { handled: up, given: down })
  session.inbox.count = up
  Object.assign(session.outbox, { base: down, end: down })
  peer.sent = up
  peer.inbox.count = down

  app!.emit('told')
  t.same(await peer.connect(), [`welcome from ${down + 1} taken ${up} handled ${up}`, 'event told'])
  peer.ask('ask')
  const asked = app!.emitWithAck('name')
  await settle(worker)
  t.same(peer.read(), [`answer ${up + 1} "${peer.id}:${up + 1}"`, 'question name'])
  peer.sent += 1
  peer.send(encodeAnswer(down + 3, { ok: true, value: 'Ann' }))
  t.equal(await asked, 'Ann')
  worker.pass(1100)
  t.same(peer.read(), [`received ${up + 2}`])
  peer.send(`r${down + 2}`)
  t.equal(session.outbox.base, down + 2)

  peer.lose()
  t.same(await peer.connect(), [`welcome from ${down + 4} taken ${up + 2} handled ${up + 2}`])
  peer.send(`r${down + 4}`)
  t.same(peer.read(), ['close protocol_error'], 'one more than was sent is a lie there, too')
  worker.pass(LIMITS.graceMs + 50)
  t.same(await peer.connect(), [`gone session_expired ${up + 2}/${up + 2}`])
})

t.test('an orderly stop', async (t) => {
  const { worker, peer } = await setUp()
  const other = await Peer.connected(worker, { key: 'other' })
  const away = await Peer.connected(worker, { key: 'away' })
  away.lose()
  worker.sessions.shutDown('stop')
  for (const { link } of [peer, other]) {
    t.same(link.heard().slice(-1), ['close shutting_down'])
    t.ok(link.closed)
  }
  t.same(away.link.heard().slice(-1), [], 'a link that is gone is told nothing')
  peer.send(encodeEvent('say', ['late']))
  peer.lose()
  await settle(worker)
  t.notOk(worker.seen.includes('say late'))
})
