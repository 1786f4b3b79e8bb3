import t from 'tap'
import { encodeEvent } from '../../lib/wire/frames.ts'
import { setUp } from '../support/worker-setups.ts'

t.test('a session that sends too fast is read more slowly', async (t) => {
  const { worker, peer } = await setUp({ messagesPerSecond: 10 })
  for (let i = 0; i < 10; i++) peer.emit('say', i)
  t.ok(peer.link.reading, 'a second of it at once')
  peer.emit('say', 10)
  t.notOk(peer.link.reading)
  worker.pass(550)
  t.notOk(peer.link.reading)
  worker.pass(100)
  t.ok(peer.link.reading, 'goes on when half of the second is free again')
  for (let i = 11; i < 16; i++) peer.emit('say', i)
  t.ok(peer.link.reading)
  peer.emit('say', 16)
  t.notOk(peer.link.reading)
  t.equal(peer.session?.inbox.count, 17, 'nothing is lost')
  t.same(peer.read(), [], 'and nobody is told')
  worker.pass(10_000)
  t.ok(peer.link.reading)
})

t.test('by bytes; whatever is larger', async (t) => {
  const { worker, peer } = await setUp({ messagesPerSecond: 1000, bytesPerSecond: 1000 })
  peer.emit('say', 'é'.repeat(400))
  t.ok(peer.link.reading)
  peer.emit('say', 'é'.repeat(400))
  t.notOk(peer.link.reading)
  worker.pass(1300)
  t.ok(peer.link.reading)
})

t.test('all that a session says counts', async (t) => {
  const { peer } = await setUp({ messagesPerSecond: 10 })
  for (const frame of ['r0', 'v["say",1]', 'a[7,true]'])
    for (let i = 0; i < 4 && peer.link.reading; i++) peer.send(frame)
  t.notOk(peer.link.reading)
})

t.test('what was on its way is taken, and no pause is so long that a ping gets no answer', async (t) => {
  const { worker, peer } = await setUp({ messagesPerSecond: 10, pingTimeoutMs: 4000 })
  for (let i = 0; i < 100; i++) peer.emit('say', i)
  t.equal(peer.session?.inbox.count, 100)
  t.notOk(peer.link.closed)
  worker.pass(1400)
  t.notOk(peer.link.reading)
  worker.pass(200)
  t.ok(peer.link.reading)
})

t.test('polling cannot stop: rate_limited, and the client replays from what was taken', async (t) => {
  const { worker, peer } = await setUp({ messagesPerSecond: 10, pingTimeoutMs: 4000 })
  await peer.connect('polling')
  let sent = 0
  for (; sent < 100 && !peer.link.closed; sent++) peer.send(encodeEvent('say', [sent]))
  t.match(peer.read().join(), /close rate_limited/)
  const taken = peer.session!.inbox.count
  t.equal(taken, sent - 1, 'the last one was not taken')
  t.ok(taken >= 20 && taken <= 22, `${taken}: what two seconds come to`)
  worker.pass(1000)
  peer.sent = sent
  t.match(await peer.connect('polling'), [new RegExp(`welcome from 1 taken ${taken}`)])
  peer.send(encodeEvent('say', ['again']))
  t.equal(peer.session?.inbox.count, taken + 1)
})

t.test('while reading must go on for other reasons the link ends instead', async (t) => {
  const { worker, peer } = await setUp({ messagesPerSecond: 10, pingTimeoutMs: 4000 })
  void worker.apps[0]!.emitWithAck('how').catch(() => {})
  worker.commit()
  for (let i = 0; i < 100 && !peer.link.closed; i++) peer.send(encodeEvent('say', [i]))
  t.match(peer.read().join(), /close rate_limited/)
})

t.test('the rate belongs to the session, not to its links', async (t) => {
  const { peer } = await setUp({ messagesPerSecond: 10 })
  for (let i = 0; i < 12; i++) peer.emit('say', i)
  await peer.connect()
  t.notOk(peer.link.reading)
})

t.test('no limit, no cost', async (t) => {
  const { worker, peer } = await setUp()
  for (let i = 0; i < 5; i++) peer.emit('say', i)
  t.equal(peer.session?.paidUntil, 0)
  worker.pass(60_000)
})
