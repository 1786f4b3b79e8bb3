import t from 'tap'
import { checksum } from '../../lib/wire/checksum.ts'
import { encodeAnswer, encodeEvent, encodeVolatile } from '../../lib/wire/frames.ts'
import {
  type Gate,
  gate,
  hashOf,
  LIMITS,
  Peer,
  settle,
  TestWorker,
  type TestWorkerOptions,
} from '../support/core.ts'

const setUp = async (
  limits: TestWorkerOptions['limits'] = {},
): Promise<{ worker: TestWorker; peer: Peer }> => {
  const worker = new TestWorker({ limits })
  worker.listen('say')
  return { worker, peer: await Peer.connected(worker) }
}

const CLOSE = 'c{"code":"closed_by_client","reason":""}'

/** Has a handler `slow` that waits for the gate of its turn. */
const withSlow = async (concurrent = false) => {
  const worker = new TestWorker()
  const gates: Gate[] = []
  worker.listen('say')
  worker.listen(
    'slow',
    () => {
      const waits = gate()
      gates.push(waits)
      return waits.promise
    },
    concurrent,
  )
  return { worker, gates, peer: await Peer.connected(worker) }
}

t.test('handlers', async (t) => {
  t.test('run one after another', async (t) => {
    const { worker, gates, peer } = await withSlow()
    peer.emit('slow', 1)
    peer.emit('slow', 2)
    peer.emit('say', 3)
    await settle(worker)
    t.same(worker.seen, ['open', 'slow 1'])
    gates[0]!.open()
    await settle(worker)
    t.same(worker.seen, ['open', 'slow 1', 'slow 2'])
    gates[1]!.open()
    await settle(worker)
    t.same(worker.seen, ['open', 'slow 1', 'slow 2', 'say 3'])
    t.equal(peer.session?.handled, 3)
  })

  t.test('a concurrent event runs beside the others', async (t) => {
    const { worker, gates, peer } = await withSlow(true)
    for (const n of [1, 2]) peer.ask('slow', n)
    peer.emit('say', 3)
    await settle(worker)
    t.same(worker.seen, ['open', 'slow 1', 'slow 2', 'say 3'])
    gates[1]!.open('second')
    await settle(worker)
    t.same(peer.read(), ['answer 2 "second"'], 'answers leave as they come')
    gates[0]!.open('first')
    await settle(worker)
    t.same(peer.read(), ['answer 1 "first"'])
  })

  t.test('`open` is the first, for concurrent events, too', async (t) => {
    const worker = new TestWorker()
    const opening = gate()
    worker.server.on('session', (session) => void session.on('open', () => opening.promise))
    worker.listen('beside', () => undefined, true)
    const peer = await Peer.connected(worker)
    peer.emit('beside')
    await settle(worker)
    t.same(worker.seen, ['open'])
    t.notOk(peer.session?.opened)
    opening.open()
    await settle(worker)
    t.same(worker.seen, ['open', 'beside'])
    t.ok(peer.session?.opened)
  })

  t.test('`handled` is the finished prefix; what finished ahead waits', async (t) => {
    const { worker, gates, peer } = await withSlow(true)
    for (const n of [1, 2, 3, 4]) peer.emit('slow', n)
    gates[3]!.open()
    gates[1]!.open()
    await settle(worker)
    t.equal(peer.session?.handled, 0)
    gates[0]!.open()
    await settle(worker)
    t.equal(peer.session?.handled, 2)
    gates[2]!.open()
    await settle(worker)
    t.equal(peer.session?.handled, 4)
    t.equal(peer.session?.handledCheck, peer.session?.inbox.check)
    t.equal(peer.session?.finishedAhead, null)
  })

  t.test('an answer of the client bypasses the queue', async (t) => {
    const worker = new TestWorker()
    worker.listen('ask', async () => ['got', await worker.apps[0]!.emitWithAck('name')].join(' '))
    worker.listen('say')
    const peer = await Peer.connected(worker)
    peer.ask('ask')
    peer.emit('say', 'behind')
    await settle(worker)
    t.same(peer.read(), ['question name'])
    t.same(worker.seen, ['open', 'ask'])
    peer.sent += 1
    peer.send(encodeAnswer(1, { ok: true, value: 'Ann' }))
    await settle(worker)
    t.same(peer.read(), ['answer 1 "got Ann"'])
    t.same(worker.seen, ['open', 'ask', 'say behind'])
    t.equal(peer.session?.handled, 3)
  })

  t.test('an answer to nothing is counted and dropped', async (t) => {
    const { worker, peer } = await setUp()
    peer.send(encodeAnswer(9, { ok: true, value: 1 }))
    await settle(worker)
    t.equal(peer.session?.handled, 1)
    t.same(peer.read(), [])
  })

  t.test('what cannot be sent as an answer', async (t) => {
    const worker = new TestWorker({ limits: { payloadBytes: 100 } })
    worker.listen('big', () => 'x'.repeat(100))
    worker.listen('loop', () => {
      const loop: unknown[] = []
      loop.push(loop)
      return loop
    })
    const peer = await Peer.connected(worker)
    peer.ask('big')
    peer.ask('loop')
    await settle(worker)
    t.same(peer.read(), [
      'answer 1 !payload_too_large: the answer is too large',
      'answer 2 !handler_failed: the answer cannot be sent',
    ])
  })
})

t.test('`received` tells what is handled', async (t) => {
  t.test('after 64 frames', async (t) => {
    const { worker, peer } = await setUp()
    for (let i = 0; i < 63; i++) peer.emit('say')
    worker.commit()
    t.same(peer.read(), [])
    peer.emit('say')
    worker.commit()
    t.same(peer.read(), ['received 64'])
  })

  t.test('after 32 KiB', async (t) => {
    const { worker, peer } = await setUp()
    const text = 'x'.repeat(4000)
    for (let i = 0; i < 8; i++) peer.emit('say', text)
    worker.commit()
    t.same(peer.read(), [])
    peer.emit('say', text)
    worker.commit()
    t.same(peer.read(), ['received 9'])
  })

  t.test('after a second, once', async (t) => {
    const { worker, peer } = await setUp()
    peer.emit('say')
    worker.pass(500)
    peer.emit('say')
    worker.pass(450)
    t.same(peer.read(), [])
    worker.pass(100)
    t.same(peer.read(), ['received 2'])
    worker.pass(5000)
    t.same(peer.read(), [])
    peer.emit('say')
    worker.pass(950)
    t.same(peer.read(), [], 'the second begins again')
    worker.pass(100)
    t.same(peer.read(), ['received 3'])
  })

  t.test('after 64 frames that had finished ahead of a slow one', async (t) => {
    const { worker, gates, peer } = await withSlow(true)
    peer.emit('slow')
    await settle(worker)
    for (let i = 0; i < 63; i++) peer.emit('say')
    await settle(worker)
    t.same(peer.read(), [])
    gates[0]!.open()
    await settle(worker)
    t.same(peer.read(), ['received 64'])
  })

  t.test('not before it is handled', async (t) => {
    const { worker, gates, peer } = await withSlow()
    peer.emit('slow')
    await settle(worker)
    worker.pass(5000)
    t.same(peer.read(), [])
    gates[0]!.open()
    await settle(worker)
    worker.pass(1050)
    t.same(peer.read(), ['received 1'])
  })

  t.test('a welcome has told it', async (t) => {
    const { worker, peer } = await setUp()
    peer.emit('say')
    t.same(await peer.connect(), ['welcome from 1 taken 1 handled 1'])
    worker.pass(5000)
    t.same(peer.read(), [])
  })
})

t.test('back-pressure', async (t) => {
  const kilobyte = 'x'.repeat(1000)

  t.test('reading stops past half of taken-bytes and goes on at a quarter', async (t) => {
    const { worker, gates, peer } = await withSlow()
    for (let i = 0; i < 4; i++) peer.emit('slow', kilobyte)
    t.ok(peer.link.reading, '4 of 8 KiB')
    peer.emit('slow', kilobyte)
    t.notOk(peer.link.reading)
    await settle(worker)
    for (let i = 0; i < 5; i++) {
      t.equal(peer.link.reading, i > 2, `${5 - i} are waiting`)
      gates[i]!.open()
      await settle(worker)
    }
    t.equal(peer.session?.takenBytes, 0)
  })

  t.test('a link that takes over a full session does not read either', async (t) => {
    const { worker, gates, peer } = await withSlow()
    for (let i = 0; i < 5; i++) peer.emit('slow', kilobyte)
    await peer.connect()
    t.notOk(peer.link.reading)
    for (let i = 0; i < 5; i++) {
      await settle(worker)
      gates[i]!.open()
    }
    await settle(worker)
    t.ok(peer.link.reading)
  })

  t.test('polling cannot stop: backlog_full, and the client replays from what was taken', async (t) => {
    const { worker, gates, peer } = await withSlow()
    await peer.connect('polling')
    for (let i = 0; i < 8; i++) peer.emit('slow', kilobyte)
    t.same(peer.read(), [])
    peer.emit('slow', kilobyte)
    t.same(peer.read(), ['close backlog_full'])
    t.ok(peer.link.closed)
    await settle(worker)
    t.equal(peer.session?.phase.kind, 'suspended')
    for (let i = 0; i < 8; i++) {
      gates[i]!.open()
      await settle(worker)
    }
    t.same(await peer.connect('polling'), ['welcome from 1 taken 8 handled 8'])
    peer.send(encodeEvent('slow', [kilobyte]))
    await settle(worker)
    t.equal(gates.length, 9)
    t.equal(peer.session?.inbox.count, 9)
  })

  t.test(
    'while a handler awaits an answer reading goes on: the answer stands behind other messages',
    async (t) => {
      const worker = new TestWorker()
      worker.listen('ask', () => worker.apps[0]!.emitWithAck('name'))
      const peer = new Peer(worker)
      await peer.connect()
      for (let i = 0; i < 6; i++) peer.emit('ask', kilobyte)
      t.ok(peer.link.reading, 'six of eight are taken, the first one asks')
      await settle(worker)
      peer.send(encodeAnswer(1, { ok: true, value: 'ann' }))
      await settle(worker)
      t.equal(peer.session?.handled, 1)
    },
  )

  t.test('an answer is taken whatever waits: a handler may be awaiting it', async (t) => {
    const worker = new TestWorker()
    worker.listen('ask', () => worker.apps[0]!.emitWithAck('name'))
    const peer = new Peer(worker)
    await peer.connect('polling')
    for (let i = 0; i < 8; i++) peer.emit('ask', kilobyte)
    await settle(worker)
    peer.send(encodeAnswer(1, { ok: true, value: kilobyte }))
    t.notOk(peer.link.closed)
    await settle(worker)
    t.equal(peer.session?.handled, 1)
    t.same(peer.read(), ['question name', 'question name'])
  })

  t.test('one frame alone may be as large as it is', async (t) => {
    const { worker, peer } = await setUp({ takenBytes: 2000 })
    peer.emit('say', 'x'.repeat(3000))
    await settle(worker)
    t.equal(peer.session?.handled, 1)
    t.notOk(peer.link.closed)
  })

  t.test('volatile messages of a busy session are dropped by their bytes, too', async (t) => {
    const { worker, gates, peer } = await withSlow()
    peer.emit('slow')
    for (let i = 0; i < 10; i++) peer.send(encodeVolatile('say', [i, kilobyte]))
    t.ok(peer.link.reading)
    gates[0]!.open()
    await settle(worker)
    const said = worker.seen.filter((what) => what.startsWith('say'))
    t.same(
      said.map((what) => what.slice(0, 5)),
      ['say 0', 'say 1', 'say 2', 'say 3'],
      'they fill no more than half',
    )
    t.equal(peer.session?.takenBytes, 0)
  })

  t.test('and by their number', async (t) => {
    const { worker, gates, peer } = await withSlow()
    peer.emit('slow')
    for (let i = 0; i < 70; i++) peer.send(encodeVolatile('say', []))
    gates[0]!.open()
    await settle(worker)
    t.equal(worker.seen.filter((what) => what === 'say').length, 64)
  })
})

t.test('frames that are wrong', async (t) => {
  for (const [what, data] of Object.entries({
    nonsense: 'x',
    nothing: '',
    'half an event': 'e["say"',
    'an event without a name': 'e[1]',
    'a welcome': 'w{}',
    'received of something else': 'rx',
    'bytes of no type': new Uint8Array([0, 1]),
  })) {
    t.test(what, async (t) => {
      const { worker, peer } = await setUp()
      const { session } = peer
      peer.send(data)
      await settle(worker)
      t.same(peer.read(), ['close protocol_error'])
      t.ok(peer.link.closed)
      t.equal(session?.phase.kind, 'suspended', 'the session waits for a better link')
      peer.send(encodeEvent('say', ['late']))
      peer.lose()
      await settle(worker)
      t.same(worker.seen, ['open', 'suspend'])
      t.same(await peer.connect(), ['welcome from 1 taken 0 handled 0'])
    })
  }

  t.test('hello twice', async (t) => {
    const { worker, peer } = await setUp()
    peer.hello()
    await settle(worker)
    t.same(peer.read(), ['close protocol_error'])
    t.equal(peer.session?.phase.kind, 'suspended')
  })

  t.test('received more than was given', async (t) => {
    const { worker, peer } = await setUp()
    worker.apps[0]!.emit('one')
    worker.commit()
    peer.read()
    peer.send('r1')
    t.notOk(peer.link.closed)
    worker.apps[0]!.emit('two')
    peer.send('r2')
    t.same(peer.read(), ['close protocol_error'], 'it has not left yet')
    t.equal(peer.session?.outbox.base, 1)
  })

  t.test('received of what a former link brought is no lie', async (t) => {
    const { worker, peer } = await setUp()
    for (const name of ['one', 'two']) worker.apps[0]!.emit(name)
    worker.commit()
    peer.open()
    peer.link.writable = false
    peer.hello()
    worker.commit()
    peer.send('r2')
    t.notOk(peer.link.closed)
    t.equal(peer.session?.outbox.base, 0, 'they are still due on this link, which counts them')
    peer.link.writable = true
    worker.sessions.linkWritable(peer.link)
    worker.commit()
    t.same(peer.read(), ['welcome from 1 taken 0 handled 0', 'event one', 'event two'])
    peer.send('r2')
    t.equal(peer.session?.outbox.base, 2)
  })

  t.test('payload_too_large', async (t) => {
    const { worker, peer } = await setUp({ payloadBytes: 100 })
    const largest = encodeEvent('say', ['x'.repeat(89)])
    t.equal(checksum(largest).size, 100)
    peer.send(largest)
    t.notOk(peer.link.closed)
    peer.send(encodeEvent('say', ['x'.repeat(90)]))
    t.same(peer.read(), ['close payload_too_large'])
    t.equal(peer.session?.inbox.count, 1)
    await peer.connect()
    peer.send(encodeVolatile('say', ['x'.repeat(90)]))
    t.same(peer.read(), ['close payload_too_large'], 'volatile ones, too')
    await settle(worker)
    t.equal(worker.seen.filter((what) => what.startsWith('say')).length, 1)
  })
})

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

t.test('grace', async (t) => {
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

t.test('an orderly stop', async (t) => {
  const { worker, peer } = await setUp()
  const other = await Peer.connected(worker, { key: 'other' })
  const away = await Peer.connected(worker, { key: 'away' })
  away.lose()
  worker.sessions.shutDown()
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
