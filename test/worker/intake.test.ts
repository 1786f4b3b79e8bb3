import t from 'tap'
import { checksum } from '../../lib/wire/checksum.ts'
import { encodeAnswer, encodeEvent, encodeVolatile } from '../../lib/wire/frames.ts'
import { Peer, settle, TestWorker } from '../support/core.ts'
import { setUp, withSlow } from '../support/worker-setups.ts'

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

t.test('what a client may not pile up', async (t) => {
  t.test(
    'reading goes on while the outbox is half full: the counts that free it stand in that stream',
    async (t) => {
      const { worker, gates, peer } = await withSlow()
      for (let i = 0; i < 5; i++) peer.emit('slow', 'x'.repeat(1000))
      t.notOk(peer.link.reading)
      const half = worker.sessions.limits.outboxBytes / 2
      for (let bytes = 0; bytes <= half; bytes += 3000) worker.apps[0]!.emit('told', 'x'.repeat(3000))
      worker.commit()
      t.ok(peer.link.reading)
      await settle(worker)
      gates[0]!.open()
      await settle(worker)
    },
  )

  t.test('answers and finished messages behind one that is not', async (t) => {
    const { worker, peer } = await withSlow()
    peer.emit('slow')
    await settle(worker)
    for (let i = 0; i < 16_384; i++) peer.send('a[0,true]')
    t.notOk(peer.link.closed)
    peer.send('a[0,true]')
    t.same(peer.read(), ['close backlog_full'])
    t.equal(peer.session?.inbox.count, 16_385, 'not taken: it will be replayed')
  })

  t.test('small messages are bounded by their number', async (t) => {
    const { worker, peer } = await withSlow()
    peer.emit('slow')
    await settle(worker)
    let sent = 0
    // Small enough that their bytes alone would not be noticed.
    worker.sessions.state.sessions.get(peer.id!)!.takenBytes = -10_000_000
    while (!peer.link.closed && sent < 40_000) {
      peer.send('e["x"]')
      sent += 1
    }
    t.equal(sent, 32_769)
    t.same(peer.read(), ['close backlog_full'])
  })

  t.test('hellos that are answered `gone`, on a link that does not read', async (t) => {
    const worker = new TestWorker()
    const peer = new Peer(worker)
    const link = peer.open()
    peer.hello({ id: 'nobody' })
    worker.commit()
    link.writable = false
    peer.hello({ id: 'nobody', attempt: 2 })
    t.ok(link.terminated)
    t.equal(link.writes.length, 1)
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
