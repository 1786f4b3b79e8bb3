/** Start, states and end of a whole primary. */
import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { createLog } from '../../lib/log.ts'
import { Primary } from '../../lib/primary/primary.ts'
import {
  connect,
  EXEC,
  exchange,
  GET_HEALTH,
  optionsOf,
  post,
  readReply,
  startPrimary,
  until,
} from './fixtures/primary.ts'

t.test('states of health', async (t) => {
  const options = optionsOf('--workers', '2')
  const port = await freePort()
  const log = createLog('silent')
  const primary = new Primary({
    options: { ...options, port },
    app: 'never-ready',
    exec: EXEC,
    deal: '',
    log,
    listening: () => t.fail(),
  })
  t.teardown(async () => {
    primary.stop()
    await primary.ended
  })
  const health = async () => (await exchange(port, [GET_HEALTH])).body
  await until(() =>
    health().then(
      (body) => body === '{"status":"starting"}',
      () => false,
    ),
  )
  await until(async () => (await exchange(port, [post('/page', '')])).status === 200)
  t.equal(await health(), '{"status":"starting"}', 'one worker of two is not enough')
  const missing = await Promise.all(
    Array.from({ length: 40 }, (_, n) => exchange(port, [post(`/api/s${n}/`, '')])),
  )
  t.ok(
    missing.some((reply) => reply.status === 503),
    'a segment whose worker is not there',
  )
  t.ok(missing.some((reply) => reply.status === 200))
  primary.stop()
  t.same(await primary.ended, { kind: 'stopped' })

  const running = await startPrimary(t, ['--workers', '2'])
  process.kill(running.primary.pids[0] as number, 'SIGKILL')
  await until(async () => (await exchange(running.port, [GET_HEALTH])).body === '{"status":"degraded"}')
  await until(async () => (await exchange(running.port, [GET_HEALTH])).status === 200)
})

t.test('an orderly stop', async (t) => {
  const { primary, port } = await startPrimary(t, ['--workers', '2'])
  const pids = primary.pids as number[]
  const socket = await connect(port)
  const reply = readReply(socket)
  socket.write('GET / HT')
  await until(async () => (await exchange(port, [GET_HEALTH])).status === 200)
  primary.stop()
  primary.stop()
  t.match(await reply, { status: 503, body: 'The server is stopping.' }, 'who is in the middle of a head')
  t.same(await primary.ended, { kind: 'stopped' })
  for (const pid of pids) t.throws(() => process.kill(pid, 0), 'no worker is left')
  await t.rejects(connect(port))
})

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
