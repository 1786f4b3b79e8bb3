import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type Link, type LinkTransport, openLink } from '../../lib/client/link.ts'
import type { Data } from '../../lib/wire/frames.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'
import { ScriptedServer } from './scripted-server.ts'

const TRANSPORTS: LinkTransport[] = ['websocket', 'polling']

interface Opened {
  readonly link: Link
  readonly opened: Promise<void>
  readonly closed: Promise<void>
  readonly frames: Data[]
  drains: number
  closes: number
}

function signal(): { readonly came: Promise<void>; give(): void } {
  let give = (): void => {}
  const came = new Promise<void>((resolve) => {
    give = resolve
  })
  return { came, give }
}

function open(port: number, transport: LinkTransport): Opened {
  const opening = signal()
  const closing = signal()
  const frames: Data[] = []
  const target = new URL(`http://127.0.0.1:${port}/api/seg/`)
  const state = { opened: opening.came, closed: closing.came, frames, drains: 0, closes: 0 }
  const link = openLink(target, transport, {
    opened: opening.give,
    frame: (data) => void frames.push(data),
    drained: () => {
      state.drains += 1
    },
    closed: () => {
      state.closes += 1
      closing.give()
    },
  })
  return Object.assign(state, { link })
}

async function serve(t: Test, options = {}): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(options)
  t.teardown(() => server.stop())
  return server
}

for (const transport of TRANSPORTS) {
  t.test(transport, async (t) => {
    t.test(
      'opens under /api/<segment>/ with limpet=1 and carries text and bytes both ways, in order',
      async (t) => {
        const server = await serve(t)
        const client = open(server.port, transport)
        const link = await server.link()
        await client.opened
        t.match(link.url, /^\/api\/seg\/\?/)
        t.match(link.url, /[?&]limpet=1(&|$)/)
        t.match(link.url, new RegExp(`[?&]transport=${transport}(&|$)`))
        t.equal(link.transport, transport)
        const bytes = new Uint8Array([101, 0, 0, 0, 13, ...new TextEncoder().encode('[["blob"],[]]')])
        client.link.send(['e["a",1]', bytes, 'e["b","\u{1f41a}"]'])
        t.match(await link.next(), { type: 'event', event: { name: 'a', args: [1] } })
        t.match(await link.next(), { type: 'event', event: { name: 'blob' } })
        t.match(await link.next(), { type: 'event', event: { name: 'b', args: ['\u{1f41a}'] } })
        link.send('e["x"]', new Uint8Array([1, 2, 255]), 'e["y"]')
        await until(() => client.frames.length === 3)
        t.same(client.frames, ['e["x"]', new Uint8Array([1, 2, 255]), 'e["y"]'])
        t.equal(client.frames[1]?.constructor, Uint8Array)
        client.link.close()
        await link.closed
        t.equal(client.closes, 0, 'no event follows our own close')
      },
    )

    t.test('what was sent leaves before a close', async (t) => {
      const server = await serve(t)
      const client = open(server.port, transport)
      const link = await server.link()
      await client.opened
      client.link.send(['e["a"]', 'e["b"]'])
      client.link.close()
      t.match(await link.next(), { event: { name: 'a' } })
      t.match(await link.next(), { event: { name: 'b' } })
      await link.closed
    })

    t.test('tells once when the server cuts it', async (t) => {
      const server = await serve(t)
      const client = open(server.port, transport)
      const link = await server.link()
      await client.opened
      link.cut()
      await client.closed
      client.link.close()
      t.equal(client.closes, 1)
    })

    t.test('tells when nobody listens', async (t) => {
      const server = await ScriptedServer.start()
      const { port } = server
      await server.stop()
      const client = open(port, transport)
      await client.closed
      t.equal(client.closes, 1)
    })

    t.test('takes no more than it can write, and tells when it does again', async (t) => {
      const server = await serve(t)
      const client = open(server.port, transport)
      const link = await server.link()
      await client.opened
      t.ok(client.link.writable)
      let sent = 0
      // As long as this turn lasts the server, in the same process, reads nothing.
      while (client.link.writable) {
        client.link.send([`e["big","${'x'.repeat(900 * 1024)}"]`])
        sent += 1
      }
      t.ok(client.link.ahead > 0)
      await until(() => client.drains > 0)
      t.ok(client.link.writable)
      t.equal(client.drains, 1)
      for (let n = 0; n < sent; n++) t.match(await link.next(), { event: { name: 'big' } })
      client.link.close()
    })

    t.test('hears the pings of the server', async (t) => {
      const server = await serve(t, { pingInterval: 50, pingTimeout: 200 })
      const client = open(server.port, transport)
      await server.link()
      await client.opened
      const { heardAt } = client.link
      await until(() => client.link.heardAt > heardAt)
      client.link.close()
    })

    t.test('a server that has fallen silent does not hold a closed link', async (t) => {
      const all = new Set<Socket>()
      const sockets = new Set<Socket>()
      const silent = createServer((socket) => {
        all.add(socket)
        socket.on('error', () => {}).once('data', () => sockets.add(socket))
      })
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
      const client = open((silent.address() as { port: number }).port, transport)
      await until(() => sockets.size > 0)
      client.link.close()
      await until(() => [...sockets].every((socket) => socket.destroyed))
      t.equal(client.closes, 0)
      // Node's fetch opens an idle connection for each one it has aborted.
      silent.close()
      for (const socket of all) socket.destroy()
    })
  })
}

t.test('polling numbers its frames', async (t) => {
  t.test('a repeat is dropped', async (t) => {
    const server = await serve(t)
    const client = open(server.port, 'polling')
    const link = await server.link()
    await client.opened
    for (const numbered of ['1:e["a"]', '1:e["a"]', '2:e["b"]']) link.socket.send(numbered)
    await until(() => client.frames.length >= 2)
    t.same(client.frames, ['e["a"]', 'e["b"]'])
    client.link.close()
    await link.closed
  })

  for (const [name, wrong] of [
    ['a gap', '2:e["b"]'],
    ['a frame without a number', 'e["b"]'],
  ] as const) {
    t.test(`${name} breaks the link`, async (t) => {
      const server = await serve(t)
      const client = open(server.port, 'polling')
      const link = await server.link()
      await client.opened
      link.socket.send(wrong)
      await client.closed
      t.same(client.frames, [])
      await link.closed
    })
  }

  t.test('a response that breaks off is a lost link, not an uncaught error', async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n0{"sid"', () => socket.destroy())
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => new Promise((resolve) => server.close(resolve)))
    const client = open((server.address() as { port: number }).port, 'polling')
    await client.closed
    t.equal(client.closes, 1)
  })
})

nothingLeft(t)
