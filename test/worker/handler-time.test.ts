import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { LimpetError } from '../../lib/wire/codes.ts'
import type { AppSession } from '../../lib/worker/app-session.ts'
import { type Gate, gate, Peer, settle, TestWorker } from '../support/core.ts'
import { until } from '../support/until.ts'

const WARN = 40
const GIVEN_UP = 'a handler did not end in time and was given up'
const TIMEOUT = { name: 'LimpetError', code: 'timeout', message: /ran past --handler-ms/ }

/** A worker whose event `slow` waits for the gate of its turn, and then does `act`. */
async function setUp(act: (app: AppSession, worker: TestWorker) => unknown = () => {}, concurrent = false) {
  const worker = new TestWorker({ handlerMs: 15 })
  const gates: Gate[] = []
  const acts: Promise<unknown>[] = []
  worker.listen('say', (text) => text)
  worker.listen(
    'slow',
    () => {
      const held = gate()
      gates.push(held)
      const acting = held.promise.then(() => act(worker.apps[0]!, worker))
      acts.push(acting.catch((error: unknown) => error))
      return acting
    },
    concurrent,
  )
  const peer = await Peer.connected(worker)
  /** Until so much was heard. */
  const hear = async (count: number): Promise<string[]> => {
    const heard: string[] = []
    await until(async () => {
      await settle(worker)
      heard.push(...peer.read())
      return heard.length >= count
    })
    return heard
  }
  return { worker, gates, acts, peer, hear }
}

t.test('a handler that does not end: its message is answered, and the queue goes on', async (t) => {
  const { worker, gates, peer, hear } = await setUp()
  peer.ask('slow', 1)
  peer.ask('slow', 2)
  peer.ask('say', 'behind')
  await settle(worker)
  t.same(worker.seen, ['open', 'slow 1'])
  t.same(await hear(3), [
    'answer 1 !timeout: the handler did not end in time',
    'answer 2 !timeout: the handler did not end in time',
    'answer 3 "behind"',
  ])
  t.equal(peer.session?.handled, 3, 'it counts as handled')
  t.equal(peer.session?.takenBytes, 0)
  const loud = worker.logged.filter(({ level }) => level >= WARN)
  t.match(
    loud,
    [1, 2].map(() => ({ level: WARN, session: peer.id, event: 'slow', msg: GIVEN_UP })),
  )
  t.equal(loud.length, 2)
  for (const held of gates) held.open('late')
  await settle(worker)
  t.same(peer.read(), [], 'what it returns later is dropped')
  t.equal(peer.session?.handled, 3)
})

t.test('concurrent ones, each by its own time', async (t) => {
  const { worker, gates, peer, hear } = await setUp(() => 'in time', true)
  for (const n of [1, 2]) peer.ask('slow', n)
  await settle(worker)
  gates[1]!.open()
  t.same(await hear(2), ['answer 2 "in time"', 'answer 1 !timeout: the handler did not end in time'])
  t.equal(peer.session?.handled, 2)
})

t.test('effects of a handler that was given up throw, all of them', async (t) => {
  const effects: Record<string, (app: AppSession, worker: TestWorker) => unknown> = {
    emit: (app) => app.emit('x'),
    'volatile.emit': (app) => app.volatile.emit('x'),
    emitWithAck: (app) => app.emitWithAck('x'),
    'timeout.emitWithAck': (app) => app.timeout(5).emitWithAck('x'),
    update: (app) => app.update({ a: 1 }),
    join: (app) => app.join('room'),
    leave: (app) => app.leave('room'),
    close: (app) => app.close(),
    'to.emit': (app) => app.to('room').emit('x'),
    'server.to.emit': (_app, worker) => worker.server.to('room').emit('x'),
    'server.to.volatile': (_app, worker) => worker.server.to('room').volatile.emit('x'),
    'in what it has started': async (app) => {
      await new Promise(setImmediate)
      app.emit('x')
    },
    'to another session': (_app, worker) => worker.apps[1]!.emit('x'),
  }
  const names = Object.keys(effects)
  let next = 0
  const { worker, gates, acts, peer, hear } = await setUp(
    (app, worker) => effects[names[next++]!]!(app, worker),
    true,
  )
  await Peer.connected(worker, { key: 'other' })
  await worker.apps[0]!.join('room')
  for (const _ of names) peer.ask('slow')
  t.equal((await hear(names.length)).length, names.length)
  const before = worker.batches.length
  for (const [i, name] of names.entries()) {
    gates[i]!.open()
    t.match(await acts[i], TIMEOUT, name)
  }
  await settle(worker)
  t.equal(worker.batches.length, before, 'nothing of it is in a record')
  t.same(peer.read(), [])
  t.equal(worker.logged.filter(({ level }) => level > WARN).length, 0)
  worker.apps[0]!.emit('from elsewhere')
  await settle(worker)
  t.same(peer.read(), ['event from elsewhere'])
})

t.test('what it did before stands', async (t) => {
  const worker = new TestWorker({ handlerMs: 15 })
  worker.listen('work', async () => {
    worker.apps[0]!.emit('began')
    await gate().promise
  })
  const peer = await Peer.connected(worker)
  peer.emit('work')
  await until(async () => {
    await settle(worker)
    return peer.session?.handled === 1
  })
  t.same(peer.read(), ['event began'])
})

t.test('one that ended in time: what it has started goes on', async (t) => {
  const started = gate()
  const { worker, peer, hear } = await setUp()
  worker.server.on('session', () => {})
  const app = worker.apps[0]!
  app.on('start', () => {
    void started.promise.then(() => app.emit('later'))
  })
  peer.ask('start')
  t.same(await hear(1), ['answer 1 undefined'])
  await sleep(20)
  started.open()
  t.same(await hear(1), ['event later'])
})

t.test('another handler of the session acts while one that was given up still waits', async (t) => {
  const { worker, gates, acts, peer, hear } = await setUp((app) => app.emit('late'))
  worker.apps[0]!.on('act', async () => {
    await null
    worker.apps[0]!.emit('acted')
  })
  peer.emit('slow')
  peer.ask('act')
  t.same(await hear(2), ['event acted', 'answer 2 undefined'])
  gates[0]!.open()
  t.match(await acts[0], TIMEOUT)
})

t.test('lifecycle handlers, too', async (t) => {
  const worker = new TestWorker({ handlerMs: 60 })
  const stuck = gate()
  const late: unknown[] = []
  worker.server.on('session', (session) => {
    for (const name of ['open', 'suspend', 'resume', 'close'])
      session.on(name, async () => {
        await stuck.promise
        try {
          session.to('room').emit(name)
        } catch (error) {
          late.push((error as LimpetError).code)
        }
      })
  })
  worker.listen('say', (text) => text)
  const peer = await Peer.connected(worker)
  peer.ask('say', 1)
  t.same(peer.session?.opened, false)
  await until(async () => {
    await settle(worker)
    return peer.session?.handled === 1
  })
  t.ok(peer.session?.opened)
  peer.lose()
  await peer.connect()
  const givenUp = (count: number) => async (): Promise<boolean> => {
    await settle(worker)
    return worker.logged.filter(({ msg }) => msg === GIVEN_UP).length === count
  }
  // What waits when a session ends does not run any more.
  await until(givenUp(3))
  worker.apps[0]!.close()
  await until(givenUp(4))
  t.same(worker.seen, ['open', 'say 1', 'suspend', 'resume', 'close closed_by_server'])
  stuck.open()
  await settle(worker)
  t.same(late, ['timeout', 'timeout', 'timeout', 'timeout'])
  t.equal(worker.state.homes.size, 0)
})

t.test('one that blocks cannot be given up, and one that fails late is only logged', async (t) => {
  const { worker, gates, peer, hear } = await setUp(() => {
    throw new Error('late')
  })
  worker.apps[0]!.on('block', () => {
    const until = performance.now() + 20
    while (performance.now() < until);
    worker.apps[0]!.emit('acted')
    return 'done'
  })
  peer.ask('block')
  peer.ask('slow')
  t.same(await hear(3), [
    'event acted',
    'answer 1 "done"',
    'answer 2 !timeout: the handler did not end in time',
  ])
  gates[0]!.open()
  await until(() => worker.logged.some(({ msg }) => msg === 'handler failed'))
  t.same(peer.read(), [])
})

t.test('without --handler-ms a handler takes as long as it likes', async (t) => {
  const worker = new TestWorker()
  const held = gate()
  worker.listen('slow', async () => {
    await held.promise
    worker.apps[0]!.emit('acted')
  })
  const peer = await Peer.connected(worker)
  peer.ask('slow')
  await sleep(30)
  await settle(worker)
  t.same(peer.read(), [])
  held.open()
  await settle(worker)
  t.same(peer.read(), ['event acted', 'answer 1 undefined'])
})
