/** engine.io-client as it comes: it polls, then upgrades, and nothing is lost, doubled or out of place on the way. */
import { randomBytes } from 'node:crypto'
import { Socket } from 'engine.io-client'
import t, { type Test } from 'tap'
import { slotOfSid } from '../../lib/placement.ts'
import { startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'

const WORKERS = 4
const CLIENTS = 12
const MESSAGES = 100
const contents = Array.from({ length: MESSAGES }, (_, i) => (i % 3 === 0 ? Buffer.of(i) : `message ${i}`))

interface Visit {
  readonly slot: number | null
  readonly heard: unknown[]
  readonly transports: string[]
  readonly closed: string[]
}

/** Talks all the way through the upgrade: some of it goes each way. */
async function visit(t: Test, url: string, path = '/api'): Promise<Visit> {
  const socket = new Socket(url, { path })
  t.teardown(() => socket.close())
  const transports: string[] = []
  const closed: string[] = []
  const heard: unknown[] = []
  socket.on('open', () => transports.push(socket.transport.name))
  socket.on('upgrade', ({ name }) => transports.push(name))
  socket.on('close', (reason) => closed.push(reason))
  socket.on('message', (data) => {
    heard.push(data)
    if (heard.length < MESSAGES) socket.send(contents[heard.length]!)
  })
  socket.send(contents[0]!)
  await until(
    () => heard.length >= MESSAGES && transports.length === 2,
    20_000,
    'all messages, and the upgrade',
  )
  return { slot: slotOfSid(socket.id!), heard, transports, closed: [...closed] }
}

t.test('a raw echo', async (t) => {
  const cluster = await startCluster(t, { app: 'raw-echo', workers: WORKERS })
  const segments = Array.from({ length: CLIENTS }, () => randomBytes(16).toString('base64url'))
  const visits = await Promise.all(segments.map((segment) => visit(t, cluster.url, `/api/${segment}`)))
  t.same(
    visits.map(({ slot }) => slot),
    segments.map((segment) => cluster.slotOf(segment)),
    'each at its segment',
  )
  const strangers = await Promise.all(segments.map(() => visit(t, cluster.url)))
  t.equal(new Set(strangers.map(({ slot }) => slot)).size, WORKERS, 'without one: at each worker in turn')
  for (const { heard, transports, closed } of [...visits, ...strangers]) {
    t.same(heard, contents)
    t.same([transports, closed], [['polling', 'websocket'], []])
  }
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
