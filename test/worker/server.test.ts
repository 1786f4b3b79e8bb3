import { createHmac } from 'node:crypto'
import t from 'tap'
import { encodeQuestion, encodeReply } from '../../lib/bus/questions.ts'
import { LimpetError } from '../../lib/wire/codes.ts'
import { AppServer } from '../../lib/worker/server.ts'
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

/** Verifies as a JWT library does, with what README's example uses of one. */
function tokens(secret: string) {
  const sign = (head: string, claims: string) =>
    createHmac('sha256', secret).update(`${head}.${claims}`).digest('base64url')
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const fault = (code: string) => Object.assign(new Error(`no: ${secret}`), { code })
  return {
    issue: (claims: object) => {
      const [head, body] = [encoded({ alg: 'HS256' }), encoded(claims)]
      return `${head}.${body}.${sign(head, body)}`
    },
    verify: async (token: string): Promise<{ payload: { sub: string; exp: number } }> => {
      const [head = '', body = '', signature = ''] = token.split('.')
      if (token === 'while the keys cannot be fetched') throw fault('ERR_JWKS_TIMEOUT')
      if (signature !== sign(head, body)) throw fault('ERR_JWS_SIGNATURE_VERIFICATION_FAILED')
      const payload = JSON.parse(Buffer.from(body, 'base64url').toString())
      if (payload.exp < 1000) throw fault('ERR_JWT_EXPIRED')
      return { payload }
    },
  }
}

t.test('use with tokens', async (t) => {
  const { issue, verify } = tokens('a secret')
  const worker = new TestWorker()
  worker.server.use(async ({ auth }) => {
    const { payload } = await verify(String(auth)).catch(({ code }) => {
      throw new LimpetError(/^ERR_JW[TS]_/.test(code) ? 'refused' : 'busy')
    })
    return { user: payload.sub }
  })
  const outcome = async (auth: unknown): Promise<unknown> => {
    const peer = new Peer(worker)
    peer.open()
    peer.hello({ auth, key: `key-${worker.apps.length}` })
    await settle(worker)
    const [answer] = peer.read()
    return answer?.startsWith('welcome') ? worker.apps.at(-1)!.data : answer
  }
  const good = issue({ sub: 'ann', exp: 2000 })
  t.same(await outcome(good), { user: 'ann' })
  t.same(await outcome(issue({ sub: 'ann', exp: 10 })), 'close refused')
  t.same(await outcome(tokens('another').issue({ sub: 'ann', exp: 2000 })), 'close refused')
  t.same(await outcome(`${good.slice(0, -3)}AAA`), 'close refused')
  for (const none of [undefined, null, {}, 7, '', 'a.b.c']) t.same(await outcome(none), 'close refused')
  t.same(await outcome('while the keys cannot be fetched'), 'close busy', 'is no fault of the client')
  t.notOk(JSON.stringify(worker.logged).includes(good))
  t.notOk(JSON.stringify(worker.logged).includes('a secret'))
})

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
