import t from 'tap'
import { Peer, TestWorker } from '../support/core.ts'

t.test(
  'a polling client that has not said what it received is told a count, which shows a gap',
  async (t) => {
    const worker = new TestWorker()
    const peer = new Peer(worker)
    await peer.connect('polling')
    worker.apps[0]!.emit('told')
    worker.commit()
    t.same(peer.read(), ['event told'])
    worker.pass(2000)
    t.same(peer.read(), [], 'its own second, and a poll')
    worker.pass(600)
    t.same(peer.read(), ['received 0'])
    worker.pass(2600)
    t.same(peer.read(), ['received 0'], 'again: this one may be skipped, too')
    peer.send('r1')
    worker.pass(6000)
    t.same(peer.read(), [], 'nothing is under way')
    t.ok(worker.sessions.idle)
  },
)

t.test('a WebSocket skips nothing', async (t) => {
  const worker = new TestWorker()
  const peer = await Peer.connected(worker)
  worker.apps[0]!.emit('told')
  worker.pass(6000)
  t.same(peer.read(), ['event told'])
})
