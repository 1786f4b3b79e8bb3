/** `server.use`, as sessions meet it. */
import t from 'tap'
import { LimpetError } from '../../lib/wire/codes.ts'
import { Peer, settle, TestWorker } from '../support/core.ts'

const ERROR = 50

t.test('use', async (t) => {
  const loop: Record<string, unknown> = {}
  loop.self = loop

  for (const [what, data] of Object.entries({ undefined: undefined, null: null, 'an empty object': {} })) {
    t.test(`${what}: no data`, async (t) => {
      const worker = new TestWorker()
      worker.server.use(() => data)
      await Peer.connected(worker)
      t.same(worker.apps[0]?.data, {})
    })
  }

  t.test('an object is the first data, as JSON of its own', async (t) => {
    const worker = new TestWorker()
    const user = { name: 'Ann', born: new Date(0), tags: ['a'] }
    worker.server.use(async () => user)
    await Peer.connected(worker)
    user.tags.push('b')
    t.same(worker.apps[0]?.data, { name: 'Ann', born: '1970-01-01T00:00:00.000Z', tags: ['a'] })
    t.throws(() => Object.assign(worker.apps[0]!.data, { name: 'Eve' }), TypeError)
  })

  t.test('runs once per session', async (t) => {
    const worker = new TestWorker()
    let calls = 0
    worker.server.use(() => {
      calls += 1
    })
    const peer = await Peer.connected(worker)
    peer.lose()
    await peer.connect()
    t.equal(calls, 1)
    await Peer.connected(worker, { key: 'other' })
    t.equal(calls, 2)
  })

  const refusals: Record<string, [() => unknown, string, boolean]> = {
    'throws LimpetError': [
      () => thrown(new LimpetError('not_for_you', 'members only')),
      'not_for_you',
      false,
    ],
    'rejects with LimpetError': [() => Promise.reject(new LimpetError('busy', 'later')), 'busy', false],
    'throws an Error': [() => thrown(new Error('database secret')), 'refused', true],
    'rejects with an Error': [() => Promise.reject(new Error('database secret')), 'refused', true],
    'throws nothing': [() => thrown(undefined), 'refused', true],
    'returns text': [() => 'text', 'refused', true],
    'returns an array': [() => [1], 'refused', true],
    'returns a cycle': [() => loop, 'refused', true],
    'resolves to a BigInt': [async () => ({ big: 1n }), 'refused', true],
    'resolves to a function': [async () => () => 1, 'refused', true],
    'returns more than a payload': [() => ({ x: 'x'.repeat(5000) }), 'refused', true],
  }
  for (const [what, [use, code, isLogged]] of Object.entries(refusals)) {
    t.test(what, async (t) => {
      const worker = new TestWorker()
      worker.server.use(use)
      const peer = new Peer(worker)
      peer.open()
      peer.hello()
      await settle(worker)
      const [close] = peer.link.take()
      t.match(close, `"code":"${code}"`)
      t.notMatch(close, /secret/)
      t.ok(peer.link.closed)
      t.equal(worker.state.sessions.size, 0)
      t.same(worker.apps, [])
      t.equal(worker.logged.filter(({ level }) => level >= ERROR).length, isLogged ? 1 : 0)
    })
  }
})

function thrown(error: unknown): never {
  throw error
}
