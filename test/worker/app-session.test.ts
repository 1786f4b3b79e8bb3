import t from 'tap'
import { LimpetError } from '../../lib/wire/codes.ts'
import { encodeAnswer } from '../../lib/wire/frames.ts'
import type { AppSession } from '../../lib/worker/app-session.ts'
import { Peer, settle, TestWorker, type TestWorkerOptions } from '../support/core.ts'

const setUp = async (limits: TestWorkerOptions['limits'] = {}) => {
  const worker = new TestWorker({ limits })
  const peer = await Peer.connected(worker)
  return { worker, peer, app: worker.apps[0]! }
}

const EFFECTS: Record<string, (session: AppSession) => unknown> = {
  emit: (session) => session.emit('x'),
  'volatile.emit': (session) => session.volatile.emit('x'),
  emitWithAck: (session) => session.emitWithAck('x'),
  'timeout.emitWithAck': (session) => session.timeout(5).emitWithAck('x'),
  update: (session) => session.update({ a: 1 }),
  join: (session) => session.join('room'),
  leave: (session) => session.leave('room'),
}

t.test('what it shows', async (t) => {
  const worker = new TestWorker()
  worker.server.use(() => ({ name: 'Ann' }))
  const peer = await Peer.connected(worker, { segment: 'seg' })
  const app = worker.apps[0]!
  t.equal(app.id, peer.id)
  t.equal(app.address, '127.0.0.1')
  t.equal(app.segment, 'seg')
  t.same(app.data, { name: 'Ann' })
  t.equal(app.state, 'connected')
  t.same([...app.rooms], [])
})

t.test("effects in server.on('session') throw, and say where they belong", async (t) => {
  const worker = new TestWorker()
  const errors = new Map<string, unknown>()
  const all: typeof EFFECTS = {
    ...EFFECTS,
    to: (session) => session.to('room').emit('x'),
    close: (session) => session.close(),
  }
  worker.server.on('session', async (session) => {
    for (const [name, effect] of Object.entries(all)) {
      // Asynchronous effects reject; their call is made here, synchronously.
      try {
        const result = effect(session)
        if (result instanceof Promise) result.catch((error) => errors.set(name, error))
      } catch (error) {
        errors.set(name, error)
      }
    }
    session.on('open', () => session.emit('from open'))
  })
  const peer = new Peer(worker)
  const heard = await peer.connect()
  for (const name of Object.keys(all)) {
    t.match(errors.get(name), { code: 'not_ready', message: /session\.on\('open'/ }, name)
  }
  t.same(heard, ['welcome from 1 taken 0 handled 0', 'event from open'])
  t.equal(peer.session?.rooms, null)
  t.same(worker.apps[0]!.data, {})
})

t.test('effects after the end', async (t) => {
  const { worker, app } = await setUp()
  app.close()
  await settle(worker)
  for (const [name, effect] of Object.entries(EFFECTS)) {
    await t.rejects(async () => effect(app), { code: 'session_closed' }, name)
  }
  app.to('room').emit('bye')
  t.equal(worker.state.homes.get('room')?.last, 1, 'rooms can be told')
  app.close('again')
  await settle(worker)
  t.same(worker.seen, ['open', 'close closed_by_server'])
})

t.test('data', async (t) => {
  const { app } = await setUp({ payloadBytes: 200 })
  const before = app.data
  const patch = { a: { deep: 1 }, b: 2 }
  app.update(patch)
  app.update({ b: 3, c: undefined })
  patch.a.deep = 99
  t.same(app.data, { a: { deep: 1 }, b: 3 }, 'merged shallowly, of its own')
  t.same(before, {}, 'what was read before stays')
  t.throws(() => Object.assign(app.data, { b: 4 }), TypeError)
  const loop: Record<string, unknown> = {}
  loop.self = loop
  for (const wrong of [loop, { big: 1n }, [1], 'text', null, undefined, () => 1]) {
    t.throws(() => app.update(wrong as object), { code: 'arguments_invalid' })
  }
  t.throws(() => app.update({ x: 'x'.repeat(200) }), { code: 'payload_too_large' })
  t.same(app.data, { a: { deep: 1 }, b: 3 })
})

t.test('join takes presence, or nothing', async (t) => {
  const { worker, app } = await setUp()
  for (const options of [true, 'presence', 7, { presence: 1 }, { presence: 'yes' }])
    await t.rejects(app.join('room', options as object), { code: 'arguments_invalid' })
  t.equal(worker.state.homes.size, 0)
  for (const options of [undefined, null, {}, { presence: undefined }])
    await app.join('room', options as object)
  t.notOk(worker.state.homes.get('room')?.members.get(app.id)?.watches)
})

t.test('emit refuses what cannot be sent', async (t) => {
  const { worker, peer, app } = await setUp({ payloadBytes: 100 })
  const sends = [
    (...what: [string, ...unknown[]]) => app.emit(...what),
    (...what: [string, ...unknown[]]) => app.volatile.emit(...what),
    (...what: [string, ...unknown[]]) => app.emitWithAck(...what),
    (...what: [string, ...unknown[]]) => app.to('room').emit(...what),
    (...what: [string, ...unknown[]]) => worker.server.to('room').emit(...what),
  ]
  for (const send of sends) {
    for (const name of [
      '',
      'x'.repeat(257),
      'state',
      'connect',
      'suspend',
      'resume',
      'discontinuity',
      'close',
      7 as unknown as string,
    ]) {
      await t.rejects(async () => send(name), { code: 'name_invalid' }, `${name}`)
    }
    await t.rejects(async () => send('x', 1n), { code: 'arguments_invalid' })
    await t.rejects(async () => send('x', 'x'.repeat(100)), { code: 'payload_too_large' })
  }
  await settle(worker)
  t.same(peer.read(), [])
  t.equal(peer.session?.outbox.end, 0)
  app.emit('open', 'is a name like any other on this way')
  worker.commit()
  t.equal(peer.read().length, 1)
})

t.test("a client's events of reserved names find nobody", async (t) => {
  const { worker, peer } = await setUp()
  for (const name of ['open', 'suspend', 'resume', 'close']) peer.ask(name, { code: 'x', reason: '' })
  await settle(worker)
  t.same(
    peer.read(),
    [1, 2, 3, 4].map((n) => `answer ${n} !no_handler: nobody listens to this event`),
  )
  t.same(worker.seen, ['open'])
})

t.test('bytes at any depth', async (t) => {
  const { worker, peer, app } = await setUp()
  const got: unknown[] = []
  worker.apps[0]!.on('bytes', (...args) => {
    got.push(args[0])
    return args[0]
  })
  app.emit('bytes', { a: [new Uint8Array([1, 2])] })
  worker.commit()
  const [data] = peer.link.take().slice(-1)
  t.ok(data instanceof Uint8Array)
  peer.send(data!)
  await settle(worker)
  t.same(got, [{ a: [new Uint8Array([1, 2])] }])
})

t.test('emitWithAck', async (t) => {
  t.test('resolves to the answer of the client', async (t) => {
    const { worker, peer, app } = await setUp()
    app.emit('first')
    const asked = app.emitWithAck('name', 1)
    const empty = app.timeout(60_000).emitWithAck('nothing')
    worker.commit()
    t.same(peer.read(), ['event first', 'question name 1', 'question nothing'])
    peer.send(encodeAnswer(3, { ok: true, value: undefined }))
    peer.send(encodeAnswer(2, { ok: true, value: { deep: ['Ann'] } }))
    t.same(await asked, { deep: ['Ann'] })
    t.equal(await empty, undefined)
    t.equal(peer.session?.questions?.size, 0)
  })

  t.test("rejects with the handler's error", async (t) => {
    const { worker, peer, app } = await setUp()
    const asked = app.timeout(60_000).emitWithAck('name')
    worker.commit()
    peer.send(encodeAnswer(1, { ok: false, code: 'too_young', message: 'come back later' }))
    await t.rejects(asked, new LimpetError('too_young', 'come back later'))
    await t.rejects(asked, { code: 'too_young', message: 'come back later', retry: 'never' })
  })

  t.test('timeout; a late answer changes nothing', async (t) => {
    const { worker, peer, app } = await setUp()
    const asked = app.timeout(5).emitWithAck('name')
    worker.commit()
    await t.rejects(asked, { code: 'timeout' })
    t.equal(peer.session?.questions?.size, 0)
    peer.send(encodeAnswer(1, { ok: true, value: 1 }))
    await settle(worker)
    t.equal(peer.session?.handled, 1)
    t.notOk(peer.link.closed)
  })

  t.test('the end of the session', async (t) => {
    const { app } = await setUp()
    const asked = app.emitWithAck('name')
    const timed = app.timeout(60_000).emitWithAck('name')
    app.close()
    await t.rejects(asked, { code: 'unknown' })
    await t.rejects(timed, { code: 'unknown' })
  })

  t.test('an outbox that is full', async (t) => {
    const { worker, peer, app } = await setUp()
    peer.lose()
    for (let i = 0; i < 4; i++) app.emit('x', 'x'.repeat(4000))
    await t.rejects(app.emitWithAck('name', 'x'.repeat(1000)), { code: 'not_delivered' })
    worker.commit()
    t.equal(app.state, 'closed')
  })

  t.test('an ack that returns after a resume', async (t) => {
    const { peer, app } = await setUp()
    const asked = app.emitWithAck('name')
    peer.lose()
    t.same((await peer.connect()).slice(1), ['question name'])
    peer.send(encodeAnswer(1, { ok: true, value: 'Ann' }))
    t.equal(await asked, 'Ann')
  })
})

t.test('emit inside suspend, resume and close handlers', async (t) => {
  const worker = new TestWorker()
  const refused: unknown[] = []
  worker.server.on('session', (session) => {
    session.on('suspend', () => {
      session.emit('while away')
      session.volatile.emit('for nobody')
    })
    session.on('resume', () => session.emit('back'))
    session.on('close', () => {
      session.to('room').emit('gone')
      session.emitWithAck('asked').catch((error: unknown) => refused.push(error))
      session.emit('too late')
    })
  })
  const peer = await Peer.connected(worker)
  const other = await Peer.connected(worker, { key: 'other' })
  await worker.apps[1]!.join('room')
  peer.lose()
  await settle(worker)
  t.same(await peer.connect(), ['welcome from 1 taken 0 handled 0', 'event while away', 'event back'])
  worker.apps[0]!.close()
  await settle(worker)
  t.same(peer.read(), ['close closed_by_server'], 'nothing behind it')
  t.match(refused, [{ code: 'session_closed' }])
  t.same(other.read(), ['event gone'], 'a room can be told')
  t.equal(worker.logged.filter(({ level }) => level > 20).length, 0)
})

t.test('emit in the same tick as close: before it leaves first, behind it throws', async (t) => {
  const { worker, peer, app } = await setUp()
  const asked = app.emitWithAck('asked')
  app.emit('before')
  app.close('done')
  t.throws(() => app.emit('behind'), { code: 'session_closed' })
  await t.rejects(app.emitWithAck('behind'), { code: 'session_closed' })
  await t.rejects(asked, { code: 'unknown' })
  await settle(worker)
  t.same(peer.read(), ['question asked', 'event before', 'close done'])
})

t.test('a join nobody awaits makes no noise when it is cancelled', async (t) => {
  const worker = new TestWorker({ fleet: [] })
  await Peer.connected(worker)
  const noise: unknown[] = []
  const listen = (error: unknown): void => void noise.push(error)
  process.on('unhandledRejection', listen)
  t.teardown(() => process.off('unhandledRejection', listen))
  const app = worker.apps[0]!
  void app.join('far')
  void app.leave('far')
  void app.join('far')
  app.close()
  await settle(worker)
  await new Promise(setImmediate)
  t.same(noise, [])
})
