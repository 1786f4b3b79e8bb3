import t from 'tap'
import type { Session } from '../../lib/worker/session.ts'
import { Suspended } from '../../lib/worker/suspended.ts'
import { Peer, settle, TestWorker } from '../support/core.ts'

const session = (address: string) => ({ address }) as Session
const setUp = (suspendedSessions: number, suspendedPerAddress = 0) =>
  new Suspended({ suspendedSessions, suspendedPerAddress })

t.test('the longest waiting gives way', async (t) => {
  const suspended = setUp(2)
  const [a, b, c] = ['x', 'x', 'x'].map(session) as [Session, Session, Session]
  t.same([suspended.add(a), suspended.add(b)], [null, null])
  t.equal(suspended.add(c), a)
  t.equal(suspended.add(a), b, 'whoever comes again is the newest')
  suspended.delete(b)
  t.equal(suspended.add(c), null)
  suspended.delete(session('x'))
  t.equal(suspended.size, 2)
})

t.test('of one address: one of its own', async (t) => {
  const suspended = setUp(100, 1)
  const [a, b, c, d] = ['10.0.0.1', '10.0.0.2', '::ffff:10.0.0.1', '10.0.0.1'].map(session) as Session[]
  t.same([suspended.add(a!), suspended.add(b!)], [null, null])
  t.equal(suspended.add(c!), a)
  suspended.delete(a!)
  suspended.delete(c!)
  t.equal(suspended.add(d!), null)
})

t.test('sessions of a worker', async (t) => {
  const worker = new TestWorker({ limits: { suspendedSessions: 2 } })
  const peers: Peer[] = []
  for (const key of ['a', 'b', 'c']) {
    const peer = await Peer.connected(worker, { key })
    peer.emit('say', key)
    await settle(worker)
    peers.push(peer)
  }
  const [a, b, c] = peers as [Peer, Peer, Peer]
  a.lose()
  b.lose()
  t.match(await a.connect(), ['welcome from 1 taken 1 handled 1'], 'it waits no longer')
  c.lose()
  t.equal(worker.state.sessions.size, 3, 'two wait')
  a.lose()
  t.equal(worker.state.sessions.size, 2)
  t.same(await b.connect(), ['gone evicted 1/1'], 'what was handled is known')
  t.match(await a.connect(), [/^welcome/])
  t.match(await c.connect(), [/^welcome/])
  t.same(
    worker.seen.filter((line) => line.startsWith('close')),
    ['close evicted'],
  )
})
