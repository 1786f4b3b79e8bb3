import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { answerHealth } from '../../lib/worker/health.ts'

async function ask(server: Server, path: string): Promise<{ status: number | undefined; body: string }> {
  const { port } = server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, agent: false }, (res) => {
      let body = ''
      res.on('data', (chunk) => {
        body += String(chunk)
      })
      res.on('end', () => resolve({ status: res.statusCode, body }))
    }).on('error', reject)
  })
}

t.test('says what the primary last said of the fleet', async (t) => {
  let generations: readonly number[] | null = null
  const server = createServer((req, res) => {
    if (!answerHealth(generations, req, res)) res.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  t.same(await ask(server, '/health'), { status: 503, body: '{"status":"starting"}' })
  generations = [3, 0]
  t.same(await ask(server, '/health?x=1'), { status: 503, body: '{"status":"degraded"}' })
  generations = [3, 4]
  t.same(await ask(server, '/health'), { status: 200, body: '{"status":"ok"}' })
  t.equal((await ask(server, '/healthy')).status, 404)
})
