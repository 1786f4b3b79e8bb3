import t from 'tap'
import { apply } from '../../lib/worker/apply.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS, Peer, settle, TestWorker } from '../support/core.ts'

/** What is durable, as a journal would bring it back. */
function durable(state: WorkerState): unknown {
  const sessions = [...state.sessions.values()].map((session) => {
    const {
      id,
      phase,
      data,
      outbox,
      handled,
      handledCheck,
      opened,
      instance,
      attempt,
      rooms,
      finishedAhead,
    } = session
    const held = Array.from(
      { length: outbox.end - outbox.base },
      (_, i) => outbox.at(outbox.base + 1 + i).data,
    )
    const members = [...(rooms ?? [])].map(([room, { standing, answersDue, watches }]) => [
      room,
      standing,
      answersDue,
      watches,
    ])
    const { base, end, bytes, baseCheck } = outbox
    return {
      id,
      phase,
      data,
      base,
      end,
      bytes,
      baseCheck,
      held,
      handled,
      handledCheck,
      opened,
      instance,
      attempt,
      members,
      finishedAhead,
    }
  })
  const homes = [...state.homes].map(([name, { epoch, last, members, slots, watching, history }]) => [
    name,
    epoch,
    last,
    [...members],
    [...slots],
    [...watching],
    history.map(({ number, at }) => [number, at]),
  ])
  const rooms = [...state.rooms].map(([name, { members, watchers }]) => [
    name,
    [...members].map(({ id }) => id),
    [...(watchers ?? [])].map(({ id }) => id),
  ])
  return {
    sessions,
    homes,
    rooms,
    tombstones: [...state.tombstones],
    empty: [...state.emptyHomes],
    bytes: state.emptyBytes,
  }
}

t.test('the records of a live worker, applied again, make the same state', async (t) => {
  const fleet: TestWorker[] = []
  const worker = new TestWorker({ slot: 0, fleet })
  const there = new TestWorker({ slot: 1, fleet })
  worker.server.ready = false
  worker.server.publicData('joined')
  worker.server.ready = true
  worker.listen('say', (text) => {
    worker.server.to('near').emit('said', text)
    return text
  })
  const ann = await Peer.connected(worker, { key: 'ann' })
  const bob = await Peer.connected(worker, { key: 'bob' })
  const eve = await Peer.connected(worker, { key: 'eve' })
  for (const app of worker.apps) {
    void app.join('near', { presence: true })
    void app.join('far', { presence: app !== worker.apps[0] })
    void app.join('left')
    worker.server.to('left').emit('said')
    void app.leave('left')
    app.update({ joined: true })
  }
  for (let i = 0; i < 5; i++) {
    ann.ask('say', i)
    await settle(worker, there)
    ann.read()
    ann.send(`r${ann.inbox.count}`)
  }
  bob.lose()
  await bob.connect()
  bob.lose()
  worker.sessions.end(eve.session!, 'closed_by_server', '', 'close')
  for (let i = 0; i < 17; i++) worker.apps[1]!.emit('much', 'x'.repeat(1000))
  await settle(worker, there)
  t.ok(worker.seen.includes('close outbox_overflow'))

  const again = new WorkerState(0, LIMITS)
  for (const record of worker.batches.flat()) apply(again, record)
  t.same(durable(again), durable(worker.state))
  t.equal(worker.state.sessions.size, 1)
  t.equal(worker.state.tombstones.size, 2)
})
