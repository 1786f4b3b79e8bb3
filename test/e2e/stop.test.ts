/** An orderly stop under load, and another server in its place: clients wait, come back, and are placed as before. */
import t from 'tap'
import { connect } from '../../lib/client/index.ts'
import { slotOfSid } from '../../lib/placement.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, request } from '../support/raw.ts'
import { pause, until } from '../support/until.ts'

const WORKERS = 3

async function slotOf(port: number, segment: string): Promise<number | null> {
  const { body } = await ask(port, request(`/api/${segment}/?EIO=4&transport=polling`))
  return slotOfSid((JSON.parse(String(body).slice(1)) as { sid: string }).sid)
}

t.test('signals to all processes at once, and a server in the same place', async (t) => {
  const journal = t.testdir()
  const first = await startCluster(t, { app: 'field', workers: WORKERS, args: ['--journal', journal] })
  const segments = Array.from({ length: 20 }, (_, i) => `segment-${i}`)
  const slots = await Promise.all(segments.map((segment) => slotOf(first.port, segment)))

  const log: string[] = []
  const clients = (['websocket', 'polling'] as const).map((transport) => {
    const client = connect(first.url, {
      transports: [transport],
      reconnectDelayMs: 20,
      reconnectDelayMaxMs: 200,
    })
    client.on('discontinuity', () => log.push(`${transport} discontinuity`))
    client.on('close', ({ code }) => log.push(`${transport} close ${code}`))
    return client
  })
  t.teardown(() => {
    for (const client of clients) client.close()
  })
  await Promise.all(clients.map((client) => client.emitWithAck('pid')))
  // Under way when the signal comes.
  const load = setInterval(() => {
    for (const client of clients) client.emit('note', 'x'.repeat(1000))
  }, 5)
  t.teardown(() => clearInterval(load))
  await pause(100)

  // What a terminal and pm2 do: everybody gets the signal, the workers first.
  for (const pid of first.workers()) process.kill(pid, 'SIGINT')
  for (const pid of first.workers()) process.kill(pid, 'SIGTERM')
  const started = Date.now()
  await first.stop()
  t.ok(Date.now() - started < 5000, `stopped after ${Date.now() - started} ms`)
  t.same(first.complaints(), [])
  await until(() => clients.every(({ state }) => state === 'recovering'))
  t.same(log, [], 'nobody was closed')

  const args = ['--journal', journal, '--port', String(first.port)]
  const second = await startCluster(t, { app: 'field', workers: WORKERS, args })
  await until(() => clients.every(({ state }) => state === 'connected'), 10_000, 'all clients back')
  t.same(log, [], 'the same sessions')
  t.same(await Promise.all(segments.map((segment) => slotOf(second.port, segment))), slots, 'the same slots')
})

nothingLeft(t)
