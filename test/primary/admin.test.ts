import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { createLog } from '../../lib/log.ts'
import { Primary } from '../../lib/primary/primary.ts'
import type { SlotReport } from '../../lib/primary/slot.ts'
import { steadyPort } from '../support/cluster.ts'
import { connect, EXEC, exchange, GET_HEALTH, optionsOf, startPrimary, until } from './fixtures/primary.ts'

const get = (path: string, host = '127.0.0.1:1', method = 'GET') =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`

t.test('what the admin is told, and the public is not', async (t) => {
  const adminPort = await steadyPort()
  const { primary, port } = await startPrimary(t, ['--workers', '2', '--admin-port', String(adminPort)])
  const details = async () => JSON.parse((await exchange(adminPort, [get('/health')])).body)
  t.match(await details(), {
    status: 'ok',
    primary: { pid: process.pid },
    journal: null,
    reloading: false,
    workers: [0, 1].map((slot) => ({
      slot,
      state: 'ready',
      pid: primary.pids[slot],
      journalFailing: false,
      handovers: 0,
      parked: 0,
    })),
  })
  await until(async () => (await details()).workers.every(({ vitals }: SlotReport) => vitals !== null))
  const [{ vitals, heardMs }] = (await details()).workers
  t.match(vitals, { sessions: 3, links: 1, loopDelayMs: { p99: 1 }, rssBytes: 8 })
  t.ok(heardMs >= 0 && heardMs < 25_000)
  t.equal((await exchange(port, [GET_HEALTH])).body, '{"status":"ok"}')
  t.match(await exchange(adminPort, [get('/health', 'localhost')]), { status: 200, head: /no-store/ })
  t.match(await exchange(adminPort, [get('/')]), { status: 404, body: 'There is nothing here.' })
  t.match(await exchange(adminPort, [get('/health', '127.0.0.1', 'POST')]), { status: 405 })
  for (const host of ['evil.example', '127.0.0.1.evil.example', 'evil.example:80'])
    t.match(await exchange(adminPort, [get('/health', host)]), { status: 403 }, host)

  // What waits, and for whom.
  const pid = primary.pids[1] as number
  process.kill(pid, 'SIGSTOP')
  const idle = await connect(port)
  const sockets = await Promise.all(Array.from({ length: 3 }, () => connect(port)))
  for (const socket of sockets) socket.write('GET /api/?sid=1-a HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(async () => {
    const { connectionsWithoutHead, workers } = await details()
    return connectionsWithoutHead === 1 && workers[1].handovers === 3
  })
  process.kill(pid, 'SIGKILL')
  await until(async () => (await details()).status === 'degraded')
  t.equal((await exchange(adminPort, [get('/health')])).status, 503)
  await until(async () => (await details()).status === 'ok')
  t.equal((await details()).workers[1].generation, 3)
  for (const socket of [idle, ...sockets]) socket.destroy()
})

t.test('a port that is taken', async (t) => {
  const other = net.createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as net.AddressInfo
  const options = optionsOf('--workers', '1', '--admin-port', String(port))
  const log = createLog('silent')
  const primary = new Primary({ options, app: null, exec: EXEC, deal: '', log, listening: () => t.fail() })
  t.same(await primary.ended, { kind: 'failed', reason: `port ${port} of 127.0.0.1 is in use` })
  other.close()
})

t.test('only where it was asked for, and gone with the server', async (t) => {
  const adminPort = await steadyPort()
  const { primary } = await startPrimary(t, ['--workers', '1', '--admin-port', String(adminPort)])
  const open = await connect(adminPort)
  open.on('error', () => {})
  primary.stop()
  t.same(await primary.ended, { kind: 'stopped' })
  await t.rejects(connect(adminPort))
  await startPrimary(t, ['--workers', '1'])
  await t.rejects(connect(adminPort), 'off by default')
})
