/** An application that is broken: at load the server does not start, later nobody but the guilty message suffers. */
import t from 'tap'
import { failToStart, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { openLink, type PeerLink, PeerSession } from '../support/peer.ts'

/** An answer's value, or its code. */
async function outcome(link: PeerLink, name: string, ...args: unknown[]): Promise<unknown> {
  const number = link.question(name, ...args)
  const { to, result } = await link.next('answer')
  if (to !== number) throw new Error(`answer to ${to} instead of ${number}`)
  return result.ok ? result.value : result.code
}

t.test('an application that cannot be loaded: one line, no stack, exit ≠ 0', async (t) => {
  for (const [app, words] of [
    ['throws', /broken at its first line/],
    ['rejects', /broken when it is called/],
    ['shapeless', /default export/],
    ['missing', /missing/],
  ] as const) {
    const { code, stderr } = await failToStart({ app })
    t.ok(code !== null && code !== 0, `${app} exits with ${code}`)
    t.match(stderr, words)
    t.equal(stderr.trimEnd().split('\n').length, 1, stderr)
  }
})

t.test('wrong options: one line, exit ≠ 0', async (t) => {
  for (const args of [
    ['--port', '70000'],
    ['--grace-ms', 'soon'],
    ['--no-such-option'],
    ['--workers', '0'],
  ]) {
    const { code, stderr } = await failToStart({ args })
    t.ok(code !== null && code !== 0, args.join(' '))
    t.equal(stderr.trimEnd().split('\n').length, 1, stderr)
  }
})

t.test('a busy port and a locked journal: one line, exit ≠ 0', async (t) => {
  const cluster = await startCluster(t, { app: 'quiet' })
  for (const args of [
    ['--port', String(cluster.port)],
    ['--journal', cluster.journal],
  ]) {
    const { code, stderr } = await failToStart({ app: 'quiet', args })
    t.ok(code !== null && code !== 0, args.join(' '))
    t.equal(stderr.trimEnd().split('\n').length, 1, stderr)
  }
})

t.test(
  'use: a refusal carries its code, a broken one says no details; the link ends, the worker lives',
  async (t) => {
    const cluster = await startCluster(t, { app: 'field' })
    const pids = cluster.workers()
    const segment = cluster.segmentOn(0)
    const bystander = await openLink(cluster.url, new PeerSession(segment), 'websocket')
    await bystander.enter()

    const refused = await openLink(cluster.url, new PeerSession(segment), 'websocket')
    refused.hello({ auth: { refuse: true } })
    t.match((await refused.next('close')).close, { code: 'not_welcome', reason: 'this one stays outside' })
    await refused.end()
    t.same(cluster.complaints(), [], 'a refusal is no fault')

    const crashed = await openLink(cluster.url, new PeerSession(segment), 'polling')
    crashed.hello({ auth: { crash: true } })
    const { close } = await crashed.next('close')
    t.not(close.code, 'not_welcome')
    t.notMatch(close.reason, /broken/, 'the cause stays inside')
    await crashed.end()
    t.equal(cluster.complaints().length, 1, 'one line')
    t.match(JSON.stringify(cluster.complaints()), /use is broken/)

    t.same(cluster.workers(), pids)
    t.equal(typeof (await outcome(bystander, 'pid')), 'number')
    bystander.close()
  },
)

t.test('a handler that throws, rejects, or leaves broken things behind', async (t) => {
  const cluster = await startCluster(t, { app: 'field' })
  const pids = cluster.workers()
  const session = new PeerSession(cluster.segmentOn(1))
  const link = await openLink(cluster.url, session, 'websocket')
  await link.enter()

  t.equal(await outcome(link, 'throw'), 'handler_failed')
  t.equal(await outcome(link, 'reject'), 'handler_failed')
  t.equal(await outcome(link, 'refuse'), 'not_today')
  t.equal(await outcome(link, 'nobody listens'), 'no_handler')
  t.equal(await outcome(link, 'later'), null)
  t.same(await outcome(link, 'echo', 1, { two: [3] }), [1, { two: [3] }])
  t.same(await outcome(link, 'diary', session.id), [[session.id, 'open', null]], 'the session never noticed')

  t.same(cluster.workers(), pids)
  const lines = cluster.complaints()
  t.equal(lines.length, 4, 'one line for each of throw, reject, the timer, the promise')
  t.ok(
    lines.every(({ level }) => level === 50),
    'as errors',
  )
  link.close()
})

nothingLeft(t)
