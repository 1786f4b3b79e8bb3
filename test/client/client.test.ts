import t from 'tap'
import type { Progress } from '../../lib/client/progress.ts'
import { ClientSession } from '../../lib/client/session.ts'
import { LimpetError } from '../../lib/wire/codes.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { pause, until } from '../support/until.ts'
import { checkOf } from './rig.ts'
import { LIFECYCLE, start } from './start.ts'

t.test('auth', async (t) => {
  t.test('a function is asked for each hello that begins a session, not for a resume', async (t) => {
    let calls = 0
    const { server } = await start(t, { auth: async () => ++calls })
    const first = await server.link()
    t.equal((await first.greet()).auth, 1)
    first.cut()
    const second = await server.link()
    t.equal((await second.greet()).auth, undefined)
    second.gone('session_expired', 0, 0)
    t.equal((await second.hello()).auth, 2)
    t.equal(calls, 2)
  })

  t.test('one that fails is asked again', async (t) => {
    let calls = 0
    const auth = async (): Promise<string> => {
      calls += 1
      if (calls < 3) throw new Error('no network')
      return 'token'
    }
    const { server, client } = await start(t, { auth })
    for (;;) {
      const link = await server.link()
      const came = await Promise.race([link.greet(), link.closed])
      if (typeof came === 'string') continue
      t.equal(came.auth, 'token')
      break
    }
    await until(() => client.state === 'connected')
    t.equal(calls, 3)
  })

  t.test('one that refuses for good ends it', async (t) => {
    const auth = (): never => {
      throw new LimpetError('logged_out', 'log in first')
    }
    const { client, log } = await start(t, { auth })
    await until(() => client.state === 'closed')
    t.equal(log.at(-1), 'close {"code":"logged_out","reason":"log in first"}')
  })

  t.test('one that is no JSON ends it: it would fail at every hello', async (t) => {
    const auth: Record<string, unknown> = {}
    auth.self = auth
    const { client, log } = await start(t, { auth })
    await until(() => client.state === 'closed')
    t.match(log.at(-1), /^close \{"code":"arguments_invalid"/)
  })
})

t.test('questions', async (t) => {
  t.test('ours: result, error, timeout', async (t) => {
    const { server, client } = await start(t)
    const link = await server.link()
    await link.greet()
    const result = client.emitWithAck('a', 1)
    const error = t.rejects(client.emitWithAck('b'), { code: 'no_room', message: 'there is no room' })
    const late = t.rejects(client.timeout(20).emitWithAck('c'), { code: 'timeout' })
    t.match(await link.nextEvent(), { name: 'a', args: [1], wantsAnswer: true })
    await link.nextEvent()
    await link.nextEvent()
    link.send('a[1,true,{"x":1}]', 'a[2,false,"no_room","there is no room"]')
    t.same(await result, { x: 1 })
    await error
    await late
    link.send('a[3,true,"late"]')
    const after = client.emitWithAck('d')
    await link.nextEvent()
    link.send('a[4,true]')
    t.equal(await after, undefined)
  })

  t.test('one that timed out is forgotten by the session, too', async (t) => {
    const { abandon } = ClientSession.prototype
    const calls = t.capture(ClientSession.prototype, 'abandon', abandon)
    const { client } = await start(t)
    client.emit('first')
    await t.rejects(client.timeout(1).emitWithAck('a'), { code: 'timeout' })
    t.same(
      calls().map(({ args }) => args),
      [[2]],
    )
  })

  t.test("the server's: what the first listener returns", async (t) => {
    const { server, client, errors } = await start(t)
    client.on('sum', (a, b) => (a as number) + (b as number)).on('sum', () => 'ignored')
    client.on('later', async () => 'soon')
    client.on('known', () => {
      throw new LimpetError('busy_here', 'ask somebody else')
    })
    client.on('broken', async () => {
      throw new Error('a secret')
    })
    const link = await server.link()
    await link.greet()
    link.question('sum', 1, 2)
    t.match(await link.next(), { type: 'answer', to: 1, result: { ok: true, value: 3 } })
    link.question('later')
    t.match(await link.next(), { to: 2, result: { ok: true, value: 'soon' } })
    link.question('known')
    t.match(await link.next(), {
      to: 3,
      result: { ok: false, code: 'busy_here', message: 'ask somebody else' },
    })
    link.question('broken')
    t.match(await link.next(), {
      to: 4,
      result: { ok: false, code: 'handler_failed', message: 'the handler failed' },
    })
    link.question('nobody')
    t.match(await link.next(), { to: 5, result: { ok: false, code: 'no_handler' } })
    t.match(errors, [{ message: 'a secret' }])
  })
})

t.test('listeners', async (t) => {
  t.test('on, once, off; one that throws disturbs nobody', async (t) => {
    const { server, client, errors } = await start(t)
    const got: unknown[] = []
    const removed = (): void => void got.push('removed')
    client.on('x', () => {
      throw new Error('mine')
    })
    client.once('x', (value) => void got.push(`once ${value}`))
    client.on('x', (value) => void got.push(value))
    client.on('x', removed).off('x', removed)
    const link = await server.link()
    await link.greet()
    link.event('x', 1)
    link.event('x', 2)
    await until(() => got.length === 3)
    t.same(got, ['once 1', 1, 2])
    t.match(errors, [{ message: 'mine' }, { message: 'mine' }])
    client.off('x')
    link.event('x', 3)
    link.question('x')
    t.match(await link.next(), { result: { code: 'no_handler' } })
    t.equal(got.length, 3)
  })

  t.test(
    'a throwing handler, sync and async: each error is reported, and nothing else happens',
    async (t) => {
      const { server, client, log, errors } = await start(t)
      const throws = (): never => {
        throw new Error('sync')
      }
      const rejects = async (): Promise<never> => {
        throw new Error('async')
      }
      const got: unknown[] = []
      client.on('connect', throws).on('connect', rejects)
      client.on('x', rejects).on('x', throws).on('x', rejects)
      client.on('x', (value) => void got.push(value))
      const link = await server.link()
      await link.greet()
      link.event('x', 1)
      link.question('x', 2)
      link.event('x', 3)
      t.match(await link.next(), { type: 'answer', to: 2, result: { ok: false, code: 'handler_failed' } })
      await until(() => errors.length === 11)
      t.same(got, [1, 2, 3])
      const messages = errors.map((error) => (error as Error).message)
      t.same(messages.toSorted(), [...Array(7).fill('async'), ...Array(4).fill('sync')])
      t.same(log, ['state connected', 'connect'])
    },
  )

  t.test("the client's own events cannot be sent by either side", async (t) => {
    const { server, client, log } = await start(t)
    const link = await server.link()
    await link.greet()
    for (const name of LIFECYCLE) {
      t.throws(() => client.emit(name), { code: 'name_invalid' })
      t.throws(() => client.volatile.emit(name), { code: 'name_invalid' })
      link.event(name)
    }
    link.question('close')
    t.match(await link.next(), { type: 'answer', result: { code: 'no_handler' } })
    t.same(log, ['state connected', 'connect'])
  })

  t.test('volatile', async (t) => {
    const { server, client } = await start(t)
    client.volatile.emit('lost')
    const link = await server.link()
    await link.greet()
    await until(() => client.state === 'connected')
    client.volatile.emit('tick', 1)
    t.match(await link.next(), { type: 'volatile', event: { name: 'tick', args: [1] } })
  })
})

t.test('debug tells of links, tries and events, and nothing secret', async (t) => {
  const told: [string, unknown][] = []
  const debug = (what: string, details: unknown): void => void told.push([what, details])
  const { server, client } = await start(t, { debug, auth: 'a secret' })
  const first = await server.link()
  const { key } = await first.greet()
  await until(() => client.state === 'connected')
  first.cut()
  await (await server.link()).greet()
  await until(() => client.state === 'connected')
  client.close()
  const link = { link: 1, transport: 'websocket' }
  t.match(told, [
    ['link', { ...link, purpose: 'connect' }],
    ['link open', { link: 1 }],
    ['state', 'connected'],
    ['connect'],
    ['link lost', { ...link, welcomed: true }],
    ['state', 'recovering'],
    ['suspend'],
    ['next try', { ms: Number }],
    ['link', { link: 2 }],
    ['link open', { link: 2 }],
    ['state', 'connected'],
    ['resume', { missed: 0 }],
    ['state', 'closed'],
    ['link closed', { link: 2, code: 'closed_by_client' }],
    ['close', { code: 'closed_by_client' }],
  ])
  for (const secret of [key, 'a secret']) t.notOk(JSON.stringify(told).includes(secret))
})

t.test('a lost link', async (t) => {
  t.test('emit inside suspend, resume and close handlers', async (t) => {
    const { server, client, log, errors } = await start(t)
    const first = await server.link()
    const { key } = await first.greet()
    await until(() => client.state === 'connected')
    client.on('suspend', () => client.emit('while-away'))
    client.on('resume', () => client.emit('back'))
    client.on('close', () => client.emit('too late'))
    client.on('close', () => client.emitWithAck('too late, too'))
    client.emit('sent')
    await first.nextEvent()
    first.event('x')
    first.cut()
    const second = await server.link()
    t.match(await second.hello(), { id: 's1', key, attempt: 2, sent: 1, received: 1 })
    second.welcome({ from: 2, taken: 1, handled: 1, check: checkOf('sent') })
    t.equal((await second.nextEvent()).name, 'while-away')
    t.equal((await second.nextEvent()).name, 'back')
    t.same(log.slice(2), [
      'state recovering',
      'suspend',
      'state connected',
      'resume {"replayed":1,"missed":0,"samePage":true}',
    ])
    client.close()
    t.match(await second.next(), { type: 'close' })
    await until(() => errors.length === 2)
    t.match(errors, [{ code: 'session_closed' }, { code: 'session_closed' }])
  })

  t.test('a listener of `state` that closes: nothing is told behind close', async (t) => {
    const { server, client, log } = await start(t)
    const link = await server.link()
    await link.greet()
    await until(() => client.state === 'connected')
    client.on('state', (state) => state === 'recovering' && client.close())
    client.cutLink()
    t.same(log.slice(2), [
      'state recovering',
      'state closed',
      'close {"code":"closed_by_client","reason":"the client closed the session"}',
    ])
  })

  t.test('says what it missed, how far that has come, and when the next try is', async (t) => {
    const { server, client } = await start(
      t,
      { transports: ['websocket'], reconnectDelayMs: 400 },
      undefined,
      {
        random: () => 0.5,
      },
    )
    const first = await server.link()
    await first.greet()
    await until(() => client.state === 'connected')
    t.equal(client.retryInMs, null)
    const replays: Progress[] = []
    const infos: unknown[] = []
    client.on('progress', (progress) => replays.push(progress))
    client.on('resume', (info) => infos.push(info))
    first.cut()
    await until(() => client.retryInMs !== null)
    t.ok(client.retryInMs! > 0 && client.retryInMs! <= 200, `in ${client.retryInMs} ms`)
    const second = await server.link()
    t.equal(client.retryInMs, null)
    await second.greet({ from: 1, sent: 4 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) second.event(name)
    await until(() => infos.length === 1)
    t.same(infos, [{ replayed: 0, missed: 4, samePage: true }])
    await until(() => replays.some((p) => p.of === 'replay' && p.received === 4))
    t.same(replays.at(-1), { of: 'replay', received: 4, total: 4 }, 'the fifth is an ordinary one')
  })

  t.test('a large message says how much of it has left', async (t) => {
    const { server, client } = await start(t, { transports: ['polling'] })
    const link = await server.link()
    await link.greet()
    await until(() => client.state === 'connected')
    const seen: Progress[] = []
    client.on('progress', (progress) => seen.push(progress))
    const bytes = 600 * 1024
    client.emit('file', new Uint8Array(bytes))
    await link.nextEvent()
    await until(() => seen.some((p) => p.of === 'upload' && p.sent === p.total))
    const last = seen.at(-1)
    t.ok(last?.of === 'upload' && last.total >= bytes && last.total < bytes + 100)
    t.ok(seen.length >= 2, `${seen.length} reports`)
    client.emit('small')
    await link.nextEvent()
    t.equal(seen.at(-1), last, 'nothing is told of small ones')
  })

  t.test('cutLink', async (t) => {
    const { server, client, log } = await start(t)
    const first = await server.link()
    await first.greet()
    await until(() => client.state === 'connected')
    client.cutLink()
    t.equal(client.state, 'recovering')
    await first.closed
    await (await server.link()).greet()
    await until(() => log.length === 6)
  })

  t.test('received is told after a second', async (t) => {
    const { server } = await start(t)
    const link = await server.link()
    await link.greet()
    link.event('x')
    const before = performance.now()
    t.same(await link.next(), { type: 'received', count: 1 })
    t.ok(performance.now() - before > 900)
  })

  t.test('settled: once all is handled', async (t) => {
    const { server, client } = await start(t)
    t.equal(await client.settled(), true, 'nothing was emitted')
    client.emit('a')
    client.emit('b')
    const settled = client.settled()
    const link = await server.link()
    await link.greet()
    await link.nextEvent()
    await link.nextEvent()
    link.received(1)
    t.equal(await Promise.race([settled, pause(30).then(() => 'pending')]), 'pending')
    client.emit('c')
    link.received(2)
    t.equal(await settled, true)
  })
})

t.test('a lost session', async (t) => {
  t.test('one discontinuity, every send settled, then a new session on the same link', async (t) => {
    const { server, client, log } = await start(t)
    const first = await server.link()
    const { key } = await first.greet()
    const answer = t.rejects(client.emitWithAck('asked'), { code: 'unknown' })
    client.emit('told')
    await first.nextEvent()
    await first.nextEvent()
    first.cut()
    await until(() => client.state === 'recovering')
    const unsent = t.rejects(client.emitWithAck('unsent'), { code: 'not_delivered' })
    const settled = client.settled()
    const second = await server.link()
    await second.hello()
    client.once('discontinuity', () => client.emit('again'))
    second.gone('session_expired', 0, 1)
    const hello = await second.hello()
    t.not(hello.key, key)
    t.equal(client.id, null)
    await answer
    await unsent
    t.equal(await settled, false)
    second.welcome({ id: 's2' })
    t.equal((await second.nextEvent()).name, 'again')
    t.equal(client.id, 's2')
    const pending = [
      { number: 1, name: 'asked', fate: 'unknown' },
      { number: 2, name: 'told', fate: 'not_delivered' },
      { number: 3, name: 'unsent', fate: 'not_delivered' },
    ]
    t.same(log.slice(4), [
      `discontinuity ${JSON.stringify({ code: 'session_expired', handled: 0, pending })}`,
      'state connected',
      'connect',
    ])
  })

  t.test('on a live link: a discontinuity and no suspend, for the link is not lost', async (t) => {
    const { server, client, log } = await start(t)
    const link = await server.link()
    await link.greet()
    await until(() => client.state === 'connected')
    link.gone('room_lost', 0, 0)
    await link.greet({ id: 's2' })
    await until(() => client.id === 's2')
    t.same(log.slice(2), [
      'state recovering',
      'discontinuity {"code":"room_lost","handled":0,"pending":[]}',
      'state connected',
      'connect',
    ])
  })

  t.test('a link whose session is gone and whose next welcome does not come is given up', async (t) => {
    const { server } = await start(t, { connectTimeoutMs: 700 })
    const first = await server.link()
    await first.greet()
    first.gone('room_lost', 0, 0)
    const { key } = await first.hello()
    const second = await server.link()
    t.equal((await second.hello()).key, key)
  })

  t.test('closed by the server: no return', async (t) => {
    const { server, client, log } = await start(t)
    const link = await server.link()
    await link.greet()
    link.close('kicked')
    await link.closed
    t.equal(client.state, 'closed')
    t.equal(log.at(-1), 'close {"code":"kicked","reason":"because"}')
    t.equal(await Promise.race([server.link(), pause(100).then(() => null)]), null)
  })

  t.test('emit in the same tick as close: before it leaves first, behind it throws', async (t) => {
    const { server, client } = await start(t)
    const link = await server.link()
    await link.greet()
    await until(() => client.state === 'connected')
    client.emit('bye')
    client.close()
    t.throws(() => client.emit('behind'), { code: 'session_closed' })
    t.equal((await link.nextEvent()).name, 'bye')
    t.match(await link.next(), { type: 'close', close: { code: 'closed_by_client' } })
    await link.closed
  })
})

nothingLeft(t)
