import t from 'tap'
import { LimpetError } from '../../lib/wire/codes.ts'
import { gate, Peer, settle, TestWorker } from '../support/core.ts'

const ERROR = 50

function thrown(error: unknown): never {
  throw error
}

t.test('handlers', async (t) => {
  const withHandler = async (handler: (...args: unknown[]) => unknown) => {
    const worker = new TestWorker()
    worker.listen('ask', handler)
    const peer = await Peer.connected(worker)
    const ask = async (...args: unknown[]): Promise<string[]> => {
      peer.ask('ask', ...args)
      await settle(worker)
      return peer.read()
    }
    return { worker, peer, ask }
  }

  t.test('get the arguments, and the message last', async (t) => {
    const { peer, ask } = await withHandler((...args) => args)
    t.same(await ask('a', { b: 1 }), [`answer 1 ["a",{"b":1},{"id":"${peer.id}:1","redelivered":false}]`])
    t.same(await ask(), [`answer 2 [{"id":"${peer.id}:2","redelivered":false}]`])
  })

  t.test('answer with what they return or resolve to', async (t) => {
    let value: unknown
    const { ask } = await withHandler(() => value)
    value = null
    t.same(await ask(), ['answer 1 null'])
    value = Promise.resolve([1])
    t.same(await ask(), ['answer 2 [1]'])
    value = undefined
    t.same(await ask(), ['answer 3 undefined'])
    // biome-ignore lint/suspicious/noThenProperty: a thenable of somebody's own is what is tested
    value = { then: (resolve: (value: unknown) => void) => resolve('then') }
    t.same(await ask(), ['answer 4 "then"'])
  })

  t.test('without a question nothing is answered', async (t) => {
    const { worker, peer } = await withHandler(() => thrown(new LimpetError('nope')))
    peer.emit('ask')
    await settle(worker)
    t.same(peer.read(), [])
    t.equal(peer.session?.handled, 1)
  })

  const failures: Record<string, [() => unknown, string, number]> = {
    'a thrown LimpetError passes code and message': [
      () => thrown(new LimpetError('too_late', 'it is over')),
      '!too_late: it is over',
      20,
    ],
    'a rejection with LimpetError, too': [
      async () => thrown(new LimpetError('too_late', 'it is over')),
      '!too_late: it is over',
      20,
    ],
    'another error passes no details': [
      () => thrown(new Error('secret')),
      '!handler_failed: the handler failed',
      ERROR,
    ],
    'another rejection, too': [
      async () => thrown(new Error('secret')),
      '!handler_failed: the handler failed',
      ERROR,
    ],
    'something thrown that is no error': [
      () => thrown('secret'),
      '!handler_failed: the handler failed',
      ERROR,
    ],
    'a `then` that throws': [
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: as above
        get then() {
          return thrown(new Error('secret'))
        },
      }),
      '!handler_failed: the handler failed',
      ERROR,
    ],
  }
  for (const [what, [handler, answer, level]] of Object.entries(failures)) {
    t.test(what, async (t) => {
      const { worker, peer, ask } = await withHandler(handler)
      t.same(await ask(), [`answer 1 ${answer}`])
      t.equal(worker.logged.filter((line) => line.level === level).length, 1)
      t.equal(worker.logged.filter((line) => line.level > level).length, 0)
      t.equal(peer.session?.handled, 1, 'it counts as handled')
      t.notOk(peer.link.closed)
    })
  }

  t.test(
    'a throwing handler, sync and async: what follows is handled, and a resume repeats none',
    async (t) => {
      const worker = new TestWorker()
      worker.listen('throw', () => thrown(new Error('sync')))
      worker.listen('reject', async () => thrown(new Error('async')))
      worker.listen('say')
      const peer = await Peer.connected(worker)
      for (const name of ['throw', 'reject', 'say']) peer.emit(name)
      await settle(worker)
      peer.lose()
      t.same(await peer.connect(), ['welcome from 1 taken 3 handled 3'])
      t.same(worker.seen, ['open', 'throw', 'reject', 'say', 'suspend', 'resume'])
      t.same(
        worker.logged.filter(({ level }) => level === ERROR).map(({ err }) => err?.message),
        ['sync', 'async'],
      )
    },
  )

  t.test('two of one event: both run, the first answers, the turn waits for both', async (t) => {
    const worker = new TestWorker()
    const { promise, open } = gate()
    worker.listen('ask', () => 'first')
    worker.listen('ask', () => promise)
    worker.listen('say')
    const peer = await Peer.connected(worker)
    peer.ask('ask')
    peer.emit('say')
    await settle(worker)
    t.same(worker.seen, ['open', 'ask', 'ask'])
    t.same(peer.read(), [])
    open('second')
    await settle(worker)
    t.same(peer.read(), ['answer 1 "first"'])
    t.same(worker.seen.slice(3), ['say'])
  })

  t.test('one of two fails', async (t) => {
    const worker = new TestWorker()
    worker.listen('ask', () => 'first')
    worker.listen('ask', () => thrown(new Error('second')))
    const peer = await Peer.connected(worker)
    peer.ask('ask')
    await settle(worker)
    t.same(peer.read(), ['answer 1 "first"'])
    t.equal(worker.logged.filter(({ level }) => level === ERROR).length, 1)
  })

  t.test('nobody listens', async (t) => {
    const { worker, peer } = await withHandler(() => 1)
    peer.ask('else')
    peer.ask('__proto__')
    peer.emit('else')
    await settle(worker)
    t.same(
      peer.read(),
      [1, 2].map((n) => `answer ${n} !no_handler: nobody listens to this event`),
    )
    t.equal(peer.session?.handled, 3)
    t.equal(worker.logged.filter(({ level }) => level > 20).length, 0)
  })

  t.test('lifecycle handlers may fail', async (t) => {
    const worker = new TestWorker()
    worker.server.on('session', (session) => {
      for (const name of ['open', 'suspend', 'resume', 'close'])
        session.on(name, () => thrown(new Error(name)))
    })
    const peer = await Peer.connected(worker)
    peer.lose()
    await peer.connect()
    worker.apps[0]!.close()
    await settle(worker)
    t.same(worker.seen, ['open', 'suspend', 'resume', 'close closed_by_server'])
    t.equal(worker.logged.filter(({ level }) => level === ERROR).length, 4)
    t.same(peer.read(), ['close closed_by_server'])
  })

  t.test('close tells code and reason', async (t) => {
    const worker = new TestWorker()
    const ends: unknown[] = []
    worker.server.on('session', (session) => void session.on('close', (...args) => void ends.push(args)))
    await Peer.connected(worker)
    worker.apps[0]!.close('own_code', 'for a reason')
    await settle(worker)
    t.same(ends, [[{ code: 'own_code', reason: 'for a reason' }]])
  })
})
