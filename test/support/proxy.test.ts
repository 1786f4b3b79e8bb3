import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { nothingLeft } from './nothing-left.ts'
import { type FaultProxy, type ProxyConnection, startProxy } from './proxy.ts'
import { pause, until } from './until.ts'

interface Rig {
  readonly proxy: FaultProxy
  /** Server ends, in order of arrival. */
  readonly served: End[]
  client(): Promise<End>
}

class End {
  readonly socket: Socket
  text = ''
  chunks = 0
  closed: 'no' | 'clean' | 'error' = 'no'
  ended = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('close', (hadError) => {
      this.closed = hadError ? 'error' : 'clean'
    })
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1')
      this.chunks += 1
    })
  }
}

async function rig(t: Test): Promise<Rig> {
  const served: End[] = []
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => served.push(new End(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await startProxy((server.address() as AddressInfo).port)
  const clients: End[] = []
  t.teardown(async () => {
    await proxy.stop()
    for (const { socket } of [...clients, ...served]) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return {
    proxy,
    served,
    async client() {
      const count = served.length
      const end = new End(dial({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }))
      clients.push(end)
      await once(end.socket, 'connect')
      await until(() => served.length > count && proxy.connections.length > 0, 2000, 'connection')
      return end
    },
  }
}

/** FIN or RST has arrived. */
const over = (end: End): boolean => end.ended || end.closed !== 'no'
const last = (proxy: FaultProxy): ProxyConnection => proxy.connections.at(-1)!

t.test('bytes pass both ways, half-closing too, and large ones with back-pressure', async (t) => {
  const { served, client } = await rig(t)
  const c = await client()
  const big = 'abcdefghij'.repeat(200_000)
  c.socket.write(big)
  c.socket.end('end')
  await until(() => served[0]!.ended)
  t.equal(served[0]!.text.length, big.length + 3)
  t.ok(served[0]!.text === `${big}end`, 'unchanged')
  t.equal(c.closed, 'no', 'the other half is still open')
  served[0]!.socket.end(`answer${big}`)
  await until(() => c.closed !== 'no')
  t.ok(c.text === `answer${big}`)
})

t.test('a cut after n bytes passes exactly those', async (t) => {
  const { proxy, served, client } = await rig(t)
  for (const direction of ['up', 'down'] as const) {
    for (const bytes of [0, 1, 5]) {
      const c = await client()
      const s = served.at(-1)!
      const connection = last(proxy)
      connection.cutAfter(direction, bytes)
      const [from, to] = direction === 'up' ? [c, s] : [s, c]
      from.socket.write('0123')
      from.socket.write('456789')
      await until(() => over(c) && over(s))
      t.equal(to.text, '0123456789'.slice(0, bytes), `${bytes} ${direction}`)
      t.equal(connection.alive, false)
    }
  }
  t.same(proxy.connections, [])
  t.equal(proxy.broken, 6)
})

t.test('cutAll ends all connections on both sides, with RST when asked', async (t) => {
  const { proxy, served, client } = await rig(t)
  const first = [await client(), await client()]
  proxy.cutAll('rst')
  await until(() => [...first, ...served].every((e) => e.closed === 'error'))
  const c = await client()
  proxy.cutAll()
  await until(() => over(c) && over(served.at(-1)!))
  t.same(proxy.made, 3)
})

t.test('an end that resets resets the other end', async (t) => {
  const { served, client } = await rig(t)
  const c = await client()
  served[0]!.socket.resetAndDestroy()
  await until(() => over(c))
  t.equal(c.closed, 'error')
})

t.test('a black hole swallows for ever, tells nobody, and new connections pass after heal', async (t) => {
  const { proxy, served, client } = await rig(t)
  const old = await client()
  old.socket.write('before')
  await until(() => served[0]!.text === 'before')
  proxy.blackhole()
  old.socket.write('during')
  served[0]!.socket.write('during')
  const inHole = await client()
  inHole.socket.write('hello')
  await until(() => last(proxy).up.swallowed === 5)
  proxy.heal()
  old.socket.write('after')
  served[0]!.socket.write('after')
  await until(() => proxy.connections[0]!.up.swallowed === 11 && proxy.connections[0]!.down.swallowed === 11)
  const fresh = await client()
  fresh.socket.write('fresh')
  await until(() => served[2]!.text === 'fresh')
  t.same([served[0]!.text, served[1]!.text, old.text], ['before', '', ''])

  old.socket.resetAndDestroy()
  served[1]!.socket.destroy()
  await pause(50)
  t.same([served[0]!.closed, inHole.closed, inHole.ended], ['no', 'no', false], 'no end hears of the other')
})

t.test('1-byte segments, in order', async (t) => {
  const { proxy, served, client } = await rig(t)
  proxy.rules.segmentBytes = 1
  const c = await client()
  c.socket.write('0123456789')
  await until(() => served[0]!.text.length === 10)
  t.equal(served[0]!.text, '0123456789')
  t.ok(served[0]!.chunks > 1, `${served[0]!.chunks} chunks`)
})

t.test('delay and stall keep bytes and their order', async (t) => {
  const { proxy, served, client } = await rig(t)
  proxy.rules.delayMs = 60
  const c = await client()
  const start = Date.now()
  c.socket.write('a')
  await until(() => served[0]!.text === 'a')
  t.ok(Date.now() - start >= 59)

  proxy.rules.delayMs = 0
  const d = await client()
  const s = served.at(-1)!
  last(proxy).stall('up')
  d.socket.write('kept ')
  s.socket.write('other way')
  await until(() => d.text === 'other way')
  d.socket.write('in order')
  t.equal(s.text, '')
  last(proxy).release('up')
  await until(() => s.text === 'kept in order')
})

t.test('a cable that is out for a while loses nothing', async (t) => {
  const { proxy, served, client } = await rig(t)
  const old = await client()
  proxy.unplug()
  old.socket.write('old')
  served[0]!.socket.write('back')
  const fresh = await client()
  fresh.socket.end('fresh')
  await pause(50)
  t.same([served[0]!.text, served[1]!.text, served[1]!.ended, old.text], ['', '', false, ''])
  proxy.plug()
  await until(() => served[1]!.ended && old.text !== '' && served[0]!.text !== '')
  t.same([served[0]!.text, served[1]!.text, old.text], ['old', 'fresh', 'back'])
})

t.test('an upgrade is answered with 400 or swallowed; other requests pass', async (t) => {
  const { proxy, served, client } = await rig(t)
  const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const plain = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  const split = async (c: End, text: string): Promise<void> => {
    c.socket.write(text.slice(0, 20))
    await pause(10)
    c.socket.write(text.slice(20))
  }

  const passed = await client()
  await split(passed, upgrade)
  await until(() => served.at(-1)!.text === upgrade)
  t.equal(last(proxy).upgrade, true)

  proxy.rules.upgrades = 'answer'
  const refused = await client()
  await split(refused, upgrade)
  await until(() => refused.ended)
  t.match(refused.text, /^HTTP\/1.1 400 /)
  t.equal(served.at(-1)!.text, '')

  const other = await client()
  await split(other, plain)
  await until(() => served.at(-1)!.text === plain)
  t.equal(last(proxy).upgrade, false)

  proxy.rules.upgrades = 'swallow'
  const swallowed = await client()
  await split(swallowed, upgrade)
  await until(() => last(proxy).up.swallowed === upgrade.length)
  t.equal(served.at(-1)!.text, '')
  t.equal(swallowed.closed, 'no')
})

t.test('a plan sees each connection before its first byte', async (t) => {
  const { proxy, served, client } = await rig(t)
  proxy.rules.plan = (connection) => connection.cutAfter('up', 3)
  const c = await client()
  c.socket.write('abcdef')
  await until(() => over(served[0]!))
  t.equal(served[0]!.text, 'abc')
})

t.test('what is said first is said again on a connection of its own, an upgrade first', async (t) => {
  const { proxy, served, client } = await rig(t)
  proxy.rules.plan = (connection) => proxy.double(connection, 20)
  const c = await client()
  c.socket.write(`GET / HTTP/1.1\r\n\r\nhello`)
  await until(() => served.length === 2 && served[1]!.text !== '')
  t.equal(served[1]!.text, 'GET / HTTP/1.1\r\n\r\n')
  served[1]!.socket.write('HTTP/1.1 101\r\n\r\n')
  await until(() => served[1]!.text === served[0]!.text)
  t.equal(c.text, '', 'nobody reads its answers')
  t.equal(proxy.doubled, 1)
})

nothingLeft(t)
