import t from 'tap'
import { Turnstile } from '../../lib/worker/turnstile.ts'
import { Peer, settle, TestWorker } from '../support/core.ts'

/** Lets a crowd ask, and come again when told; when each was let in, by name. */
function crowd(
  names: readonly string[],
  ask: (name: string) => number,
  clock: { now: number },
): Map<string, number> {
  const in_ = new Map<string, number>()
  const due = names.map((name) => ({ name, at: clock.now }))
  while (due.length > 0) {
    due.sort((a, b) => a.at - b.at)
    const { name, at } = due.shift()!
    clock.now = Math.max(clock.now, at)
    const wait = ask(name)
    if (wait === 0) in_.set(name, clock.now)
    else due.push({ name, at: clock.now + wait })
  }
  return in_
}

t.test('sessions that come back go before new ones', async (t) => {
  const clock = { now: 0 }
  const stile = new Turnstile({ hellosPerSecond: 100, hellosPerAddress: 0 }, () => clock.now)
  const names = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? `back ${i}` : `new ${i}`))
  const ask = (name: string) =>
    name.startsWith('back') ? stile.resume(name, 120_000) : stile.begin(name, '10.0.0.1')
  const entered = crowd(names, ask, clock)
  t.equal(entered.size, 400)
  const last = (kind: string) =>
    Math.max(...names.filter((name) => name.startsWith(kind)).map((name) => entered.get(name)!))
  t.ok(last('back') <= 2000, `all are back after ${last('back')} ms`)
  t.ok(last('new') >= 3500 && last('new') <= 4000, `the rest is in after ${last('new')} ms`)
  for (let second = 0; second < 4; second++) {
    const count = [...entered.values()].filter(
      (at) => at >= second * 1000 && at < second * 1000 + 1000,
    ).length
    t.ok(count <= 200, `${count} in second ${second}: a moment that was given stands, whoever comes then`)
  }
})

t.test('new sessions of one address', async (t) => {
  const clock = { now: 0 }
  const stile = new Turnstile({ hellosPerSecond: 0, hellosPerAddress: 2 }, () => clock.now)
  const waits = [1, 2, 3, 4, 5].map((i) => stile.begin(`a${i}`, '10.0.0.1'))
  t.same(waits, [0, 0, 0, 500, 1000])
  t.equal(stile.begin('b', '10.0.0.2'), 0, 'another address')
  t.equal(stile.resume('c', 120_000), 0, 'sessions that come back are not counted')
  clock.now = 500
  t.equal(stile.begin('a4', '10.0.0.1'), 0)
})

t.test('a hello that is put off', async (t) => {
  const worker = new TestWorker({ limits: { hellosPerSecond: 4, graceMs: 20_000 } })
  const uses: unknown[] = []
  worker.server.use((hello) => void uses.push(hello.auth))
  const peers = [1, 2, 3].map((i) => new Peer(worker, { key: `key${i}` }))
  const heard = []
  for (const peer of peers) heard.push(await peer.connect())
  t.match(heard, [[/^welcome/], [/^welcome/], ['retry 250']])
  const [first, , last] = peers as [Peer, Peer, Peer]
  t.ok(last.link.closed)
  t.equal(uses.length, 2, 'the application was not asked')
  t.equal(worker.state.sessions.size, 2)
  t.notOk(worker.logged.some(({ level }) => level >= 30))

  worker.pass(250)
  t.match(await last.connect(), [/^welcome/], 'in its slot')

  // A takeover that is put off leaves the link that is in use alone.
  for (let i = 0; i < 2; i++) t.match(await first.connect(), [/^welcome/])
  const current = first.link
  t.same(await first.connect(), ['retry 250'])
  t.ok(first.link.closed)
  t.notOk(current.closed)
  t.equal(first.session?.link, current)
  t.equal(first.session?.phase.kind, 'connected')
})

t.test('a session whose hello is put off waits anew', async (t) => {
  const worker = new TestWorker({ limits: { hellosPerSecond: 1, graceMs: 8000 } })
  const peers = ['a', 'b', 'c'].map((key) => new Peer(worker, { key }))
  for (const peer of peers) {
    await peer.connect()
    worker.pass(1000)
    if (!peer.session) await peer.connect()
    peer.emit('say')
    await settle(worker)
  }
  for (const peer of peers) peer.lose()
  worker.pass(7000)
  const heard = []
  for (const peer of peers) heard.push((await peer.connect())[0])
  t.match(heard, [/^welcome/, 'retry 750', 'retry 1750'], 'each its own slot')
  worker.pass(2500)
  t.match(await peers[2]!.connect(), [/^welcome/], 'longer than its grace after the link was lost')
  t.match(await peers[1]!.connect(), [/^welcome/])
  t.notOk(worker.seen.some((what) => what.startsWith('close')))
})
