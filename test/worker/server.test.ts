import t from 'tap'
import { encodeQuestion, encodeReply } from '../../lib/bus/questions.ts'
import { LimpetError } from '../../lib/wire/codes.ts'
import { AppServer } from '../../lib/worker/server.ts'
import { Peer, settle, TestWorker } from '../support/core.ts'

const ERROR = 50

t.test("a listener of 'session' that fails stops neither the others nor the session", async (t) => {
  for (const fail of [() => thrown(new Error('wiring')), () => Promise.reject(new Error('wiring'))]) {
    const worker = new TestWorker()
    worker.server.on('session', fail)
    worker.listen('say')
    const peer = await Peer.connected(worker)
    peer.emit('say')
    await settle(worker)
    t.same(worker.seen, ['open', 'say'])
    t.same(
      worker.logged.filter(({ level }) => level === ERROR).map(({ err }) => err?.message),
      ['wiring'],
    )
    worker.apps[0]!.emit('works')
    worker.commit()
    t.same(peer.read(), ['event works'])
  }
})

t.test('room', async (t) => {
  const pair = async () => {
    const fleet: TestWorker[] = []
    const here = new TestWorker({ slot: 0, fleet })
    const there = new TestWorker({ slot: 1, fleet })
    here.server.ready = false
    here.server.publicData('name')
    here.server.ready = true
    here.server.use(() => ({ name: 'Ann', secret: 1 }))
    await Peer.connected(here)
    return { here, there, app: here.apps[0]! }
  }

  for (const name of ['near', 'far']) {
    t.test(`${name}: every worker gets the answer of the home`, async (t) => {
      const { here, there, app } = await pair()
      void app.join(name)
      for (let i = 1; i <= 3; i++) here.server.to(name).emit('said', i)
      here.server.to(name).volatile.emit('typing')
      await settle(here, there)
      for (const { server } of [here, there]) {
        const room = server.room(name)
        t.equal(await room.count(), 1)
        t.same(await room.members(), [{ id: app.id, data: { name: 'Ann' } }])
        const page = await room.history({ limit: 2 })
        t.match(page, { epoch: /./, earlier: 'more' })
        t.same(page.entries, [
          { number: 2, name: 'said', args: [2] },
          { number: 3, name: 'said', args: [3] },
        ])
        const before = await room.history({ before: page.entries[0]!.number })
        t.same(before, { ...page, earlier: 'none', entries: [{ number: 1, name: 'said', args: [1] }] })
      }
      const nothing = { entries: [], epoch: null, earlier: 'none' }
      t.same(await here.server.room(`${name}-empty`).history(), nothing)
    })
  }

  t.test('questions that are wrong', async (t) => {
    const { here } = await pair()
    for (const name of ['', 'a\n', '\ud800']) {
      const room = here.server.room(name)
      await t.rejects(room.count(), { code: 'room_invalid' })
      await t.rejects(room.members(), { code: 'room_invalid' })
      await t.rejects(room.history(), { code: 'room_invalid' })
      t.throws(() => here.server.to(name), { code: 'room_invalid' })
    }
    for (const options of [{ limit: 0 }, { limit: 101 }, { before: 0 }, 5])
      await t.rejects(here.server.room('near').history(options as object), { code: 'arguments_invalid' })
    await t.rejects(here.server.answer(new Uint8Array([99])), { code: 'arguments_invalid' })
    t.ok((await here.server.answer(encodeQuestion({ kind: 'count', room: 'near' }))).length > 0)
  })

  t.test('a home that does not answer', async (t) => {
    const fleet: TestWorker[] = []
    const here = new TestWorker({ slot: 0, fleet })
    fleet[1] = { server: { answer: async () => new Uint8Array([99]) } } as unknown as TestWorker
    await t.rejects(here.server.room('far').count(), { code: 'room_unavailable' })
    const refused = encodeReply({ kind: 'refused', code: 'payload_too_large', message: 'too many' })
    fleet[1] = { server: { answer: async () => refused } } as unknown as TestWorker
    await t.rejects(here.server.room('far').members(), { code: 'payload_too_large', message: 'too many' })
    fleet[1] = {
      server: { answer: async () => thrown(new LimpetError('room_unavailable')) },
    } as unknown as TestWorker
    await t.rejects(here.server.room('far').count(), { code: 'room_unavailable' })
  })
})

t.test('nothing can be told before the worker is ready', async (t) => {
  const worker = new TestWorker()
  worker.server.ready = false
  t.throws(() => worker.server.to('room').emit('x'), { code: 'not_ready' })
  t.equal(worker.state.homes.size, 0)
  const bare = new AppServer(worker.server.engine, worker.server.log, 100)
  await t.rejects(bare.room('room').count(), { code: 'not_ready' })
})

t.test('http keeps the handler of pages', async (t) => {
  const { server } = new TestWorker()
  t.equal(server.pages, null)
  const handler = (): boolean => false
  t.equal(server.http(handler), server)
  t.equal(server.pages, handler)
})

function thrown(error: unknown): never {
  throw error
}
