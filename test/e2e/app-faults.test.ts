/** An application that is broken: at load the server does not start, later nobody but the guilty message suffers. */
import t, { type Test } from 'tap'
import { type ClusterOptions, failToStart, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { openLink, type PeerLink, PeerSession } from '../support/peer.ts'

/** An answer's value, or its code. */
async function outcome(link: PeerLink, name: string, ...args: unknown[]): Promise<unknown> {
  const number = link.question(name, ...args)
  const { to, result } = await link.next('answer')
  if (to !== number) throw new Error(`answer to ${to} instead of ${number}`)
  return result.ok ? result.value : result.code
}

/** All at once: most of the time such a server needs is Node's own start. */
async function oneLineEach(t: Test, cases: [options: ClusterOptions, words: RegExp][]): Promise<void> {
  await Promise.all(
    cases.map(async ([options, words]) => {
      const { code, stderr } = await failToStart({ workers: 1, ...options })
      t.ok(code !== null && code !== 0, `exits with ${code}`)
      t.match(stderr, words)
      t.equal(stderr.trimEnd().split('\n').length, 1, stderr)
    }),
  )
}

t.test('an application that cannot be loaded: one line, no stack, exit ≠ 0', (t) =>
  oneLineEach(t, [
    [{ app: 'throws' }, /broken at its first line/],
    [{ app: 'rejects' }, /broken when it is called/],
    [{ app: 'shapeless' }, /default export/],
    [{ app: 'missing' }, /missing/],
  ]),
)

t.test('a wrong option, a busy port, a locked journal: one line, exit ≠ 0', async (t) => {
  const cluster = await startCluster(t, { app: 'quiet', workers: 1 })
  await oneLineEach(t, [
    [{ args: ['--port', '70000'] }, /port/],
    [{ args: ['--grace-ms', 'soon'] }, /grace-ms/],
    [{ args: ['--no-such-option'] }, /no-such-option/],
    [{ args: ['--workers', '0'] }, /workers/],
    [{ app: 'quiet', args: ['--port', String(cluster.port)] }, new RegExp(String(cluster.port))],
    [{ app: 'quiet', args: ['--journal', cluster.journal] }, /in use/],
  ])
})

t.test('a broken application that runs', async (t) => {
  const cluster = await startCluster(t, { app: 'field' })
  let seen = 0
  /** Since the last call. */
  const complaints = () => {
    const fresh = cluster.complaints().slice(seen)
    seen += fresh.length
    return fresh
  }

  await t.test('use: a refusal carries its code, a broken one says no details', async (t) => {
    const pids = cluster.workers()
    const segment = cluster.segmentOn(0)
    const bystander = await openLink(cluster.url, new PeerSession(segment), 'websocket')
    await bystander.enter()

    const refused = await openLink(cluster.url, new PeerSession(segment), 'websocket')
    refused.hello({ auth: { refuse: true } })
    t.match((await refused.next('close')).close, { code: 'not_welcome', reason: 'this one stays outside' })
    await refused.end()
    t.same(complaints(), [], 'a refusal is no fault')

    for (let i = 0; i < 3; i++) {
      const crashed = await openLink(cluster.url, new PeerSession(segment), 'polling')
      crashed.hello({ auth: { crash: true } })
      const { close } = await crashed.next('close')
      t.equal(close.code, 'refused')
      t.notMatch(close.reason, /broken/, 'the cause stays inside')
      await crashed.end()
    }
    const fault = complaints()
    t.equal(fault.length, 1, 'one line, however often a client brings it about')
    t.match(JSON.stringify(fault), /use is broken/)

    t.same(cluster.workers(), pids)
    t.equal(typeof (await outcome(bystander, 'pid')), 'number')
    bystander.close()
  })

  await t.test('a handler that throws, rejects, or leaves broken things behind', async (t) => {
    const pids = cluster.workers()
    const session = new PeerSession(cluster.segmentOn(1))
    const link = await openLink(cluster.url, session, 'websocket')
    await link.enter()

    t.equal(await outcome(link, 'throw'), 'handler_failed')
    t.equal(await outcome(link, 'reject'), 'handler_failed')
    t.equal(await outcome(link, 'refuse'), 'not_today')
    t.equal(await outcome(link, 'nobody listens'), 'no_handler')
    t.equal(await outcome(link, 'later'), undefined)
    t.same(await outcome(link, 'echo', 1, { two: [3] }), [1, { two: [3] }])
    t.same(
      await outcome(link, 'diary', session.id),
      [[session.id, 'open', null]],
      'the session never noticed',
    )

    t.same(cluster.workers(), pids)
    const lines = complaints()
    t.equal(lines.length, 4, 'one line for each of throw, reject, the timer, the promise')
    t.ok(
      lines.every(({ level }) => level === 50),
      'as errors',
    )
    link.close()
  })
})

nothingLeft(t)
