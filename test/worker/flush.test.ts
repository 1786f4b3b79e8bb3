import t from 'tap'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { encodeBundle } from '../../lib/worker/encode.ts'
import { flushSession } from '../../lib/worker/flush.ts'
import { Session } from '../../lib/worker/session.ts'
import { MemoryLink, Peer, settle, TestWorker } from '../support/core.ts'

const KB = 1024

const setUp = (): { session: Session; link: MemoryLink } => {
  const session = new Session('id', 'hash', 'segment', 'address', {})
  const link = new MemoryLink()
  session.link = link
  session.cursor = 0
  link.session = session
  return { session, link }
}

const fill = (session: Session, count: number, size: number): void => {
  for (let i = 0; i < count; i++) session.outbox.append(new Frame('e'.padEnd(size, 'x')))
}

t.test('replay goes in pages of 256 KiB, each when the link can take it', async (t) => {
  const { session, link } = setUp()
  fill(session, 10, 100 * KB)
  session.before = ['w']
  session.after = ['v']
  session.farewell = { frame: 'c', keepLink: false }
  t.equal(flushSession(session), null)
  t.equal(link.writes.length, 1)
  t.equal(link.writes[0]!.length, 1 + 3, 'the welcome, then frames until 256 KiB are reached')
  t.equal(session.cursor, 3)
  t.equal(session.given, 3)
  link.writable = false
  flushSession(session)
  t.equal(link.writes.length, 1, 'a busy link gets nothing')
  link.writable = true
  for (let i = 0; i < 3; i++) flushSession(session)
  t.same(
    link.writes.map((write) => write.length),
    [4, 3, 3, 2],
    'the close is behind the last frame, the volatile one is dropped',
  )
  t.equal(link.writes[3]![1], 'c')
  t.ok(link.closed)
  t.equal(session.link, null)
  t.equal(link.session, null)
})

t.test('one frame larger than a page is a page', async (t) => {
  const { session, link } = setUp()
  fill(session, 2, 300 * KB)
  flushSession(session)
  flushSession(session)
  t.same(
    link.writes.map((write) => write.length),
    [1, 1],
  )
})

t.test('order: uncounted before, counted, volatile, farewell', async (t) => {
  const { session, link } = setUp()
  session.before = ['w', 'r1']
  session.after = ['v1', 'v2']
  session.farewell = { frame: 'g', keepLink: true }
  fill(session, 1, 3)
  t.equal(flushSession(session), link, 'the link is free')
  t.same(link.writes, [['w', 'r1', 'exx', 'v1', 'v2', 'g']])
  t.notOk(link.closed)
  t.equal(link.session, null)
  t.equal(session.before, null)
  t.equal(session.after, null)
})

t.test('with nothing to say nothing is written', async (t) => {
  const { session, link } = setUp()
  session.dirty = true
  t.equal(flushSession(session), null)
  t.same(link.writes, [])
  t.notOk(session.dirty)
})

t.test('without a link nothing is given and nothing is lost', async (t) => {
  const { session, link } = setUp()
  fill(session, 1, 3)
  session.link = null
  session.after = ['v']
  flushSession(session)
  t.equal(session.after, null, 'volatile is for now')
  t.equal(session.given, 0)
  t.equal(session.outbox.end, 1)
  t.same(link.writes, [])
})

t.test('members of a room share a bundle and so one encoded buffer', async (t) => {
  const worker = new TestWorker()
  const [ann, bob, behind, own] = [
    await Peer.connected(worker, { key: 'ann' }),
    await Peer.connected(worker, { key: 'bob' }),
    await Peer.connected(worker, { key: 'behind' }),
    await Peer.connected(worker, { key: 'own' }),
  ]
  for (const app of worker.apps) void app.join('room')
  await settle(worker)
  behind.link.writable = false
  worker.server.to('room').emit('said', 0)
  worker.commit()
  behind.link.writable = true
  for (const { link } of [ann, bob, own]) link.bundles.length = 0

  worker.server.to('room').emit('said', 1)
  worker.apps[3]!.emit('told')
  worker.server.to('room').emit('said', 2)
  worker.commit()
  t.equal(ann.link.bundles.length, 1, 'one write a turn')
  const [shared] = ann.link.bundles
  t.equal(bob.link.bundles[0], shared)
  t.equal(encodeBundle(bob.link.bundles[0]!), encodeBundle(shared!))
  t.equal(behind.link.bundles.length, 0, 'who is behind reads from the outbox')
  t.same(behind.read().slice(-3), ['event said 0', 'event said 1', 'event said 2'])
  t.not(own.link.bundles[0], shared)
  t.same(own.read(), ['event said 0', 'event said 1', 'event told', 'event said 2'])
  t.same(bob.read(), ['event said 0', 'event said 1', 'event said 2'])
})

t.test('of a bundle one page is written, the same for all; the rest waits in the outbox', async (t) => {
  const worker = new TestWorker({ limits: { payloadBytes: 1024 * KB, outboxBytes: 1024 * KB } })
  const peers = [await Peer.connected(worker, { key: 'ann' }), await Peer.connected(worker, { key: 'bob' })]
  for (const app of worker.apps) void app.join('room')
  await settle(worker)
  for (const { link } of peers) link.bundles.length = 0
  for (const bytes of [100, 100, 100, 300]) worker.server.to('room').emit('said', 'x'.repeat(bytes * KB))
  worker.commit()
  const [ann, bob] = peers.map(({ link }) => link.bundles)
  t.equal(ann?.[0]?.count, 2)
  t.equal(bob?.[0], ann?.[0])
  const session = peers[0]!.session!
  const first = session.cursor
  t.equal(session.outbox.end - first, 2)
  t.equal(session.given, first)
  for (const n of [1, 2]) {
    worker.sessions.linkWritable(peers[0]!.link)
    worker.commit()
    t.equal(session.cursor, session.outbox.end - 2 + Math.min(2, n * 2), 'from the outbox')
  }
  worker.server.to('room').emit('said', 'x'.repeat(300 * KB))
  worker.commit()
  t.equal(ann?.at(-1)?.count, 1, 'a larger one goes alone')
})

t.test('a bundle is not used beside uncounted frames', async (t) => {
  const worker = new TestWorker()
  const peer = await Peer.connected(worker)
  worker.apps[0]!.emit('counted')
  worker.apps[0]!.volatile.emit('fleeting')
  worker.commit()
  t.equal(peer.link.bundles.length, 0)
  worker.apps[0]!.emit('counted')
  worker.commit()
  t.equal(peer.link.bundles.length, 1)
  t.same(peer.read(), ['event counted', 'volatile fleeting', 'event counted'])
  t.equal(peer.session?.cursor, 2)
  t.equal(peer.session?.given, 2)
})

t.test('a session appended to twice in a turn, and behind in between', async (t) => {
  const worker = new TestWorker()
  const peer = await Peer.connected(worker)
  worker.apps[0]!.emit('one')
  peer.open()
  peer.hello()
  worker.apps[0]!.emit('two')
  worker.commit()
  t.equal(peer.link.bundles.length, 0)
  t.same(peer.read(), ['welcome from 1 taken 0 handled 0', 'event one', 'event two'])
  t.equal(new Frame(encodeEvent('two', [])).crc, peer.session?.outbox.at(2).crc)
})
