/** From the first byte to the worker, through a real primary and real workers. */
import type { Worker } from 'node:cluster'
import * as fc from 'fast-check'
import t from 'tap'
import { Handover } from '../../lib/primary/handover.ts'
import { FakeWorker } from './fixtures/fake-worker.ts'
import { connect, echo, exchange, post, startPrimary } from './fixtures/primary.ts'

const { port, primary } = await startPrimary(t, ['--workers', '2'])

t.test('a head split at every byte reaches its worker with the body intact', async (t) => {
  const request = post('/api/segment-1/?EIO=4', 'body')
  const home = echo(await exchange(port, [request])).slot
  const cuts = Array.from({ length: request.length - 1 }, (_, i) => i + 1)
  const replies = await Promise.all(
    cuts.map((cut) => exchange(port, [request.subarray(0, cut), request.subarray(cut)])),
  )
  for (const [i, got] of replies.map(echo).entries())
    if (got.slot !== home || got.body !== 'body' || got.url !== '/api/segment-1/?EIO=4')
      t.fail(`cut after ${cuts[i]}: ${JSON.stringify(got)}`)
  const single = echo(
    await exchange(
      port,
      [...request].map((byte) => Buffer.of(byte)),
    ),
  )
  t.match(single, { slot: home, body: 'body' }, 'each byte alone')
})

t.test('no byte is lost or doubled', async (t) => {
  const splits = fc.record({
    segment: fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/),
    size: fc.integer({ min: 0, max: 20_000 }),
    cuts: fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 6 }),
  })
  const slots = new Map<string, number>()
  const arrives = async ({ segment, size, cuts }: { segment: string; size: number; cuts: number[] }) => {
    const body = Array.from({ length: size }, (_, i) => String.fromCharCode(32 + ((i * 7) % 90))).join('')
    const request = post(`/api/${segment}/`, body)
    const at = [0, ...cuts.filter((cut) => cut < request.length).sort((a, b) => a - b), request.length]
    const parts = at.slice(1).map((end, i) => request.subarray(at[i], end))
    const got = echo(await exchange(port, parts))
    const slot = slots.get(segment) ?? got.slot
    slots.set(segment, slot)
    return got.body === body && got.slot === slot
  }
  const crowd = fc.array(splits, { minLength: 10, maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(crowd, async (all) => (await Promise.all(all.map(arrives))).every((good) => good)),
    { numRuns: 40 },
  )
  t.same([...new Set(slots.values())].sort(), [0, 1], 'both took part')
})

t.test('a keep-alive connection stays with its worker; pages go round', async (t) => {
  const socket = await connect(port)
  socket.write(Buffer.concat([post('/api/a/', '1'), post('/api/a/', '2')]))
  let text = ''
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      text += chunk
      if (text.includes('"body":"2"')) resolve()
    })
  })
  socket.destroy()
  t.match(text, /"body":"1"[\s\S]*"body":"2"/)
  const pids = new Set<number>()
  for (let i = 0; i < 4; i++) pids.add(echo(await exchange(port, [post('/page', '')])).pid)
  t.same([...pids].sort(), [...primary.pids].sort())
  t.equal(echo(await exchange(port, [post('/api/?EIO=4&sid=1-abc', '')])).slot, 1, 'the slot of the sid')
  t.match(await exchange(port, [post('/api/?EIO=4&sid=7-abc', '')]), { status: 200 }, 'a slot there is not')
})

t.test('an application may listen on a port of its own', async (t) => {
  const server = await startPrimary(t, ['--workers', '1'], 'listens')
  const other = echo(await exchange(server.port, [post('/api/a/', '')])).port as number
  const ours = Array.from({ length: 100 }, (_, i) => exchange(server.port, [post('/api/a/', `${i}`)]))
  const theirs = Array.from({ length: 100 }, async () => {
    let text = ''
    for await (const chunk of await connect(other)) text += chunk
    return text
  })
  t.same(
    (await Promise.all(ours)).map((reply) => echo(reply).body),
    ours.map((_, i) => `${i}`),
  )
  t.same(
    await Promise.all(theirs),
    theirs.map(() => 'own'),
  )
})

/** With three arrivals, and the names of those whose handles were closed or that were lost. */
function rig() {
  const worker = new FakeWorker()
  const ended: string[] = []
  const handover = new Handover(worker as unknown as Worker, { waiting: 10, ms: 60_000 }, ({ handle }) =>
    ended.push(`lost ${(handle as unknown as { name: string }).name}`),
  )
  const push = (name: string): void => {
    const handle = { name, readStop: () => 0, close: () => ended.push(name) }
    handover.push({ handle, head: Buffer.alloc(0), route: { kind: 'any' }, address: null })
  }
  for (const name of ['a', 'b', 'c']) push(name)
  return { worker, handover, ended }
}

t.test('a confirmation may come before Node says that the handle is written', async (t) => {
  const { worker, handover, ended } = rig()
  worker.confirm()
  t.same(ended, [], 'Node still needs the handle')
  worker.sent[0]!.written()
  t.same(ended, ['a'])
  worker.sent[1]!.written()
  worker.confirm('NODE_HANDLE_NACK')
  worker.confirm('NODE_HANDLE_NACK')
  t.equal(worker.sent.length, 3, 'tried again once')
  worker.sent[2]!.written()
  worker.sent[3]!.written()
  worker.confirm('NODE_HANDLE_NACK')
  t.same(ended, ['a', 'lost b'])
  worker.confirm()
  worker.sent[4]!.written()
  t.same(ended, ['a', 'lost b', 'c'])
  t.same(handover.close(), [])
})

t.test('confirmations of handles that are not ours', async (t) => {
  const { worker, handover, ended } = rig()
  worker.confirm()
  worker.sent[0]!.written()
  // Behind the first, Node has sent one of a port of the application's, and queued another, and a message.
  worker.sent[1]!.written()
  worker.process._handleQueue = [{ handle: {} }, { handle: null }]
  worker.confirm()
  t.same(ended, ['a', 'b'])
  worker.confirm()
  worker.confirm()
  t.same(ended, ['a', 'b'], 'two were before ours')
  worker.sent[2]!.written()
  worker.confirm()
  t.same(ended, ['a', 'b', 'c'])
  worker.confirm()
  t.same(handover.close(), [])
})

t.test('a worker that dies with a handle half sent', async (t) => {
  const { worker, handover, ended } = rig()
  worker.confirm()
  const left = handover.close().map(({ handle }) => (handle as unknown as { name: string }).name)
  t.same([ended, left], [['a'], ['b', 'c']], 'it had the first')
  worker.sent[0]!.written()
  t.equal(worker.sent.length, 1)
  const other = rig()
  other.worker.sent[0]!.written()
  t.equal(other.handover.close().length, 3, 'it had none')
})
