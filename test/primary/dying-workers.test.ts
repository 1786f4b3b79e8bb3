/** Workers that die, or hang, while connections are on their way to them. */
import t from 'tap'
import {
  connect,
  echo,
  exchange,
  GET_HEALTH,
  openFiles,
  post,
  readReply,
  startPrimary,
  until,
} from './fixtures/primary.ts'

t.test('a worker killed with handovers queued: all are answered, nothing leaks', async (t) => {
  const { port, primary } = await startPrimary(t, ['--workers', '2', '--park-ms', '0'])
  const home = echo(await exchange(port, [post('/api/a/', '')])).slot
  const before = openFiles()
  const pid = primary.pids[home] as number
  process.kill(pid, 'SIGSTOP')
  const sockets = await Promise.all(Array.from({ length: 200 }, () => connect(port)))
  const replies = sockets.map((socket, i) => {
    socket.write(post(i % 2 ? '/api/a/' : '/page', `${i}`))
    return readReply(socket)
  })
  // Pages go to the worker that lives, but for the first one perhaps: when these are answered, all the others are queued.
  const settled = countSettled(replies)
  await until(() => settled() >= 99)
  process.kill(pid, 'SIGKILL')
  const all = await Promise.all(replies)
  const pages = all.filter((_, i) => i % 2 === 0)
  const segments = all.filter((_, i) => i % 2 === 1)
  for (const [i, page] of pages.entries())
    if (page.status !== 200 || echo(page).body !== `${2 * i}`) t.fail(`page ${i}: ${page.head}`)
  for (const reply of segments)
    if (reply.status !== 503 || !/retry-after: 1/i.test(reply.head)) t.fail(reply.head)
  t.equal(all.length, 200)

  await until(async () => (await exchange(port, [GET_HEALTH])).status === 200)
  const again = echo(await exchange(port, [post('/api/a/', 'x')]))
  t.match(again, { slot: home, body: 'x', generation: 3 }, 'forked again into its slot')
  t.not(again.pid, pid)
  await until(() => openFiles() <= before)
})

t.test('a worker that is stalled, and then dead, holds up no handover to the others', async (t) => {
  const { port, primary } = await startPrimary(t, ['--workers', '3', '--park-ms', '60000'])
  const segments = new Map<number, string>()
  for (let i = 0; segments.size < 3; i++)
    segments.set(echo(await exchange(port, [post(`/api/s${i}/`, '')])).slot, `/api/s${i}/`)
  process.kill(primary.pids[0] as number, 'SIGSTOP')
  const stuck = await Promise.all(Array.from({ length: 50 }, () => connect(port)))
  for (const socket of stuck) socket.write(post(segments.get(0) as string, ''))
  const replies = stuck.map(readReply)
  const others = async (): Promise<void> => {
    const targets = ['/page', segments.get(1), segments.get(2)] as string[]
    for (let i = 0; i < 60; i++) {
      const reply = await exchange(port, [post(targets[i % 3] as string, `${i}`)])
      if (reply.status !== 200 || echo(reply).body !== `${i}`) t.fail(reply.head)
    }
  }
  await others()
  process.kill(primary.pids[0] as number, 'SIGKILL')
  await others()
  t.same(
    [...new Set((await Promise.all(replies)).map(({ status }) => status))],
    [200],
    'and in the end all are served',
  )
})

t.test('what waits for a worker that died is given to the next one', async (t) => {
  const { port, primary } = await startPrimary(t, ['--workers', '1'])
  process.kill(primary.pids[0] as number, 'SIGKILL')
  await until(async () => (await exchange(port, [GET_HEALTH])).status === 503)
  const replies = await Promise.all(
    ['a', 'b', 'c'].map((name) => exchange(port, [post(`/api/${name}/`, name)])),
  )
  t.same(
    replies.map((reply) => [reply.status, echo(reply).generation, echo(reply).body]),
    [
      [200, 2, 'a'],
      [200, 2, 'b'],
      [200, 2, 'c'],
    ],
  )
})

t.test('too many waiting: 503 at once', async (t) => {
  const { port, primary } = await startPrimary(t, ['--workers', '1', '--handovers-waiting', '3'])
  process.kill(primary.pids[0] as number, 'SIGSTOP')
  const sockets = await Promise.all(Array.from({ length: 10 }, () => connect(port)))
  const replies = sockets.map((socket) => {
    socket.write(post('/api/a/', ''))
    return readReply(socket)
  })
  const settled = countSettled(replies)
  await until(() => settled() === 6)
  process.kill(primary.pids[0] as number, 'SIGCONT')
  const status = (await Promise.all(replies)).map((reply) => reply.status)
  t.equal(status.filter((code) => code === 503).length, 6)
  t.equal(status.filter((code) => code === 200).length, 4, 'one in flight, three waiting')
})

t.test('what a worker does not take in time is answered, and its descriptor let go', async (t) => {
  const { port, primary } = await startPrimary(t, ['--workers', '1', '--handover-ms', '200'])
  const pid = primary.pids[0] as number
  const before = openFiles()
  process.kill(pid, 'SIGSTOP')
  const replies = Array.from({ length: 6 }, () => exchange(port, [post('/api/a/', '')]))
  const settled = countSettled(replies)
  await until(() => settled() === 5)
  t.match(await exchange(port, [post('/api/a/', '')]), { status: 503, head: /retry-after: 1/i })
  process.kill(pid, 'SIGCONT')
  const status = (await Promise.all(replies)).map((reply) => reply.status).sort()
  t.same(status, [200, 503, 503, 503, 503, 503], 'one was in flight')
  await until(() => openFiles() <= before)
})

/** How many have settled so far. */
function countSettled(promises: readonly Promise<unknown>[]): () => number {
  let count = 0
  for (const promise of promises) void promise.catch(() => {}).then(() => count++)
  return () => count
}
