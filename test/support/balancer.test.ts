import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type Balancer, startBalancer } from './balancer.ts'
import { nothingLeft } from './nothing-left.ts'
import { rawConnect, upgradeRequest } from './raw.ts'
import { seeded } from './seed.ts'

/** A server that answers with the body it got, and remembers whole requests. */
async function rig(t: Test): Promise<{ balancer: Balancer; url: string; whole: string[] }> {
  const whole: string[] = []
  const server = createServer((req: IncomingMessage, res) => {
    let body = ''
    req.on('data', (chunk) => {
      body += chunk
    })
    req.on('end', () => {
      whole.push(`${req.method} ${body}`)
      res.end(`got ${body}`)
    })
    req.on('error', () => {})
  })
  server.on('upgrade', (_req, socket, head) => {
    socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${head}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const balancer = await startBalancer((server.address() as AddressInfo).port, seeded(t))
  t.teardown(async () => {
    await balancer.stop()
    server.close()
    server.closeAllConnections()
  })
  return { balancer, url: `http://127.0.0.1:${balancer.port}/`, whole }
}

const ask = async (url: string, body: string): Promise<string> => {
  const headers = { connection: 'close' }
  return (await fetch(url, body === '' ? { headers } : { method: 'POST', body, headers })).text()
}

t.test('each request is answered once and reaches the server once', async (t) => {
  const { balancer, url, whole } = await rig(t)
  t.same([await ask(url, ''), await ask(url, 'abc')], ['got ', 'got abc'])
  t.same(whole, ['GET ', 'POST abc'])
  t.equal(balancer.reissued, 0)
})

t.test('a first try that dies: answered once all the same, and some reach the server twice', async (t) => {
  const { balancer, url, whole } = await rig(t)
  balancer.share = 1
  const bodies = Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? '' : `body ${i}`))
  const answers = await Promise.all(bodies.map((body) => ask(url, body)))
  t.same(
    answers,
    bodies.map((body) => `got ${body}`),
  )
  t.ok(balancer.reissued >= bodies.length, `${balancer.reissued} sent again`)
  t.ok(whole.length > bodies.length, `${whole.length} whole requests at the server`)
  t.same(new Set(whole), new Set(bodies.map((body) => `${body === '' ? 'GET' : 'POST'} ${body}`)))
})

t.test('an upgrade passes', async (t) => {
  const { balancer } = await rig(t)
  const connection = await rawConnect(balancer.port)
  connection.write(upgradeRequest('/'))
  t.equal((await connection.response()).status, 101)
  await connection.end()
  connection.destroy()
})

nothingLeft(t)
