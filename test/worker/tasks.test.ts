import t from 'tap'
import { encodeAnswer } from '../../lib/wire/frames.ts'
import { gate, Peer, settle, TestWorker } from '../support/core.ts'
import { setUp, withSlow } from '../support/worker-setups.ts'

t.test(
  'what is handled is told after a second, or from half of it on along with something else',
  async (t) => {
    const worker = new TestWorker()
    worker.listen('say')
    const peer = await Peer.connected(worker)
    const [app] = worker.apps
    peer.emit('say')
    await settle(worker)
    worker.clock.now += 499
    app!.emit('early')
    await settle(worker)
    t.same(peer.read(), ['event early'])
    worker.clock.now += 1
    app!.emit('along')
    await settle(worker)
    t.same(peer.read(), ['received 1', 'event along'])
    worker.pass(1000)
    t.same(peer.read(), [], 'not again')
    peer.emit('say')
    await settle(worker)
    worker.pass(1050)
    t.same(peer.read(), ['received 2'], 'alone')
  },
)

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
