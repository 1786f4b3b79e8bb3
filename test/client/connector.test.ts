import t from 'tap'
import { connectIn } from '../../lib/client/client.ts'
import { surroundings } from '../../lib/client/surroundings.ts'
import { encodeNumber } from '../../lib/wire/frames.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { pause, until } from '../support/until.ts'
import { ScriptedServer } from './scripted-server.ts'
import { start } from './start.ts'

t.test('the first connection', async (t) => {
  t.test('WebSocket first; what was emitted before goes out with it', async (t) => {
    const { server, client, log } = await start(t, { auth: { user: 'u' }, segment: 'my-segment_1' })
    t.equal(client.state, 'connecting')
    t.equal(client.id, null)
    client.emit('early', 1, new Uint8Array([1, 2]))
    const link = await server.link()
    t.equal(link.transport, 'websocket')
    t.match(link.url, /^\/api\/my-segment_1\/\?/)
    const hello = await link.greet()
    t.match(hello, { version: 1, auth: { user: 'u' }, attempt: 1 })
    t.match(hello.key, /^[A-Za-z0-9_-]{22}$/)
    t.notMatch(link.url, new RegExp(hello.key), 'the key is never in a URL')
    t.same(await link.nextEvent(), { name: 'early', args: [1, new Uint8Array([1, 2])], wantsAnswer: false })
    t.equal(client.state, 'connected')
    t.equal(client.id, 's1')
    t.same(log, ['state connected', 'connect'])
  })

  t.test('a segment of its own by default; the path of the URL is kept', async (t) => {
    const { server } = await start(t)
    t.match((await server.link()).url, /^\/api\/[A-Za-z0-9_-]{22}\/\?/)
    const other = connectIn(surroundings, `ws://127.0.0.1:${server.port}/my/path?x=1`, { segment: 's' })
    t.match((await server.link()).url, /^\/my\/path\/s\/\?(.*&)?x=1(&|$)/)
    other.close()
  })

  t.test('polling at once where a WebSocket is refused', async (t) => {
    const { server, client } = await start(t, {}, (server) => {
      server.webSockets = 'cut'
    })
    const link = await server.link()
    t.equal(link.transport, 'polling')
    await link.greet()
    client.emit('a')
    client.emit('b')
    client.emit('c')
    const { posts } = server
    for (const name of ['a', 'b', 'c']) t.equal((await link.nextEvent()).name, name)
    t.equal(server.posts, posts + 1, 'the frames of one turn leave in one request')
    t.equal(server.upgrades, 1)
  })

  t.test('polling where a WebSocket does not open in time', async (t) => {
    const { server } = await start(t, { connectTimeoutMs: 700 }, (server) => {
      server.webSockets = 'silent'
    })
    t.equal((await server.link()).transport, 'polling')
  })

  t.test('polling where a WebSocket opens and no welcome comes in time', async (t) => {
    const { server } = await start(t, { connectTimeoutMs: 700 })
    const first = await (await server.link()).hello()
    const link = await server.link()
    t.equal(link.transport, 'polling')
    t.match(await link.hello(), { key: first.key, attempt: 2 })
  })

  t.test('one transport alone', async (t) => {
    const { server } = await start(t, { transports: ['websocket'] }, (server) => {
      server.webSockets = 'cut'
    })
    await until(() => server.upgrades >= 3)
    server.webSockets = 'open'
    t.equal((await server.link()).transport, 'websocket')
    const polling = await start(t, { transports: ['polling'] })
    t.equal((await polling.server.link()).transport, 'polling')
    t.equal(polling.server.upgrades, 0)
  })

  t.test('a server that comes up later, and one that goes away and comes back', async (t) => {
    const { server, client } = await start(t)
    const { port } = server
    await (await server.link()).greet()
    await server.stop()
    await until(() => client.state === 'recovering')
    await pause(50)
    const again = await ScriptedServer.start({}, port)
    t.teardown(() => again.stop())
    t.equal((await (await again.link()).greet()).id, 's1')
    await until(() => client.state === 'connected')
  })

  t.test('close before anything answered ends all tries', async (t) => {
    const server = await ScriptedServer.start()
    const { url } = server
    await server.stop()
    const client = connectIn(surroundings, url, { reconnectDelayMs: 10 })
    const answer = client.emitWithAck('a')
    await pause(30)
    client.close()
    await t.rejects(answer, { code: 'not_delivered' })
    t.throws(() => client.emit('b'), { code: 'session_closed' })
    await t.rejects(client.emitWithAck('b'), { code: 'session_closed' })
    t.equal(await client.settled(), false)
  })
})

t.test('the server says when', async (t) => {
  t.test('retry', async (t) => {
    const { server } = await start(t)
    const first = await server.link()
    await first.hello()
    const before = performance.now()
    first.send(encodeNumber('retry', 200))
    await first.closed
    const second = await server.link()
    t.ok(performance.now() - before >= 190)
    t.equal((await second.hello()).attempt, 2)
  })

  t.test('drain counts from the cut', async (t) => {
    const { server } = await start(t)
    const first = await server.link()
    await first.greet()
    first.send(encodeNumber('drain', 200))
    await pause(50)
    const before = performance.now()
    first.close('draining')
    await server.link()
    t.ok(performance.now() - before >= 190)
  })

  t.test('and that stands while the page is away', async (t) => {
    const page = Object.assign(new EventTarget(), { isVisible: () => true })
    const { server, client } = await start(t, {}, () => {}, { page })
    const first = await server.link()
    await first.hello()
    const before = performance.now()
    first.send(encodeNumber('retry', 200))
    await first.closed
    page.dispatchEvent(new Event('pagehide'))
    t.equal(client.state, 'suspended')
    page.dispatchEvent(new Event('pageshow'))
    await server.link()
    t.ok(performance.now() - before >= 190)
  })
})

t.test('back to WebSocket', async (t) => {
  t.test('the session moves; nothing is interrupted', async (t) => {
    const { server, client, log } = await start(t, {}, (server) => {
      server.webSockets = 'cut'
    })
    const got: unknown[] = []
    client.on('n', (n) => void got.push(n))
    const polling = await server.link()
    await polling.greet()
    server.webSockets = 'open'
    polling.event('n', 1)
    const webSocket = await server.link()
    t.equal(webSocket.transport, 'websocket')
    const hello = await webSocket.hello()
    t.match(hello, { id: 's1', received: 1, attempt: 2 })
    // On its way while the server had not read hello: the old link still counts.
    polling.event('n', 2)
    await until(() => got.length === 2)
    client.emit('during')
    t.equal((await polling.nextEvent()).name, 'during')
    webSocket.welcome({ from: 2, taken: 0 })
    polling.close('link_replaced')
    webSocket.event('n', 2)
    webSocket.event('n', 3)
    await until(() => got.length === 3)
    t.same(got, [1, 2, 3])
    t.equal((await webSocket.nextEvent()).name, 'during', 'what the fenced link carried goes again')
    await polling.closed
    t.same(log, ['state connected', 'connect'])
  })

  t.test('one that dies soon after: polling first, the next try later', async (t) => {
    const { server, client } = await start(t, {}, (server) => {
      server.webSockets = 'cut'
    })
    await (await server.link()).greet()
    server.webSockets = 'open'
    const webSocket = await server.link()
    await webSocket.greet()
    await until(() => client.state === 'connected')
    webSocket.cut()
    const after = await server.link()
    t.equal(after.transport, 'polling')
  })

  t.test('a try that is not welcome leaves polling in use', async (t) => {
    const { server, client, log } = await start(t, {}, (server) => {
      server.webSockets = 'cut'
    })
    const polling = await server.link()
    await polling.greet()
    server.webSockets = 'open'
    const webSocket = await server.link()
    await webSocket.hello()
    webSocket.send(encodeNumber('retry', 60_000))
    await webSocket.closed
    client.emit('still')
    t.equal((await polling.nextEvent()).name, 'still')
    t.same(log, ['state connected', 'connect'])
  })
})

nothingLeft(t)
