/** The next process of a worker, over the journal of one that died: what was not committed is gone with it. */
import { join } from 'node:path'
import t from 'tap'
import { encodeAnswer, encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { gate, LIMITS, Peer, settle, TestWorker } from '../support/core.ts'
import {
  type App,
  journaled,
  processes,
  Returning,
  recovered,
  recoveredWorker,
} from '../support/journaled.ts'

const talk: App = (worker) => {
  worker.listen('add', (n) => {
    worker.apps[0]!.update({ sum: Number(worker.apps[0]!.data.sum ?? 0) + Number(n) })
    worker.apps[0]!.emit('sum', worker.apps[0]!.data.sum)
    return worker.apps[0]!.data.sum
  })
  worker.listen('who', (...args) => args)
}

t.test('a client resumes: nothing is lost and nothing doubled, in both directions', async (t) => {
  const { first, client, next } = await processes(t.testdir(), talk)
  client.ask('add', 1)
  client.emit('add', 2)
  await settle(first)
  t.same(client.read(), ['event sum 1', 'answer 1 1', 'event sum 3'])
  client.send('r2')
  client.emit('add', 4)
  await settle(first)
  // It left, and the client has not seen it.
  client.link.take()
  client.emit('add', 8)
  client.ask('add', 16)
  t.equal(first.apps[0]!.data.sum, 31, 'handled, and not committed')

  const second = next()
  t.same(await client.comeBack(second), [
    'welcome from 4 taken 3 handled 3',
    'event sum 7',
    'event sum 15',
    'event sum 31',
    'answer 5 31',
  ])
  t.equal(client.session?.handled, 5)
  t.equal(client.session?.handledCheck, client.session?.inbox.check)
  t.same(await client.comeBack(second), ['welcome from 8 taken 5 handled 5'])
  t.same(second.seen, ['suspend', 'resume', 'add 8', 'add 16'])
})

t.test('a message that was taken and not handled runs again, and says so', async (t) => {
  const held = gate()
  const { first, client, next } = await processes(t.testdir(), (worker) => {
    worker.listen('who', (...args) => args)
    worker.listen('hold', () => held.promise)
  })
  client.emit('hold')
  client.ask('who', 'queued')
  await settle(first)
  t.same(first.seen, ['open', 'hold'])

  const second = next(talk)
  // Emitted without a link: no process can have seen it.
  await client.comeBack(second)
  client.ask('who', 'new')
  await settle(second)
  const id = (n: number): string => `${client.id}:${n}`
  const answers = second.batches.flat().flatMap((record) => (record.type === 'sent' ? record.frame.data : []))
  t.same(answers, [
    encodeAnswer(2, { ok: true, value: ['queued', { id: id(2), redelivered: true }] }),
    encodeAnswer(3, { ok: true, value: ['new', { id: id(3), redelivered: false }] }),
  ])
})

t.test('a handler that was running runs again; what it did before its last await is out', async (t) => {
  const gates = [gate(), gate()]
  const work: App = (worker) =>
    worker.listen('work', async () => {
      worker.apps[0]!.emit('began')
      await gates[worker.state === undefined ? 0 : runs++]!.promise
      worker.apps[0]!.emit('done')
      return 'done'
    })
  let runs = 0
  const { first, client, next } = await processes(t.testdir(), work)
  client.ask('work')
  await settle(first)
  t.same(client.read(), ['event began'])
  // It is through with it, in a turn that is not written.
  gates[0]!.open()
  await new Promise(setImmediate)
  t.equal(first.state.byKey.get(client.session!.keyHash)?.handled, 1)

  const second = next()
  t.same(await client.comeBack(second), ['welcome from 2 taken 0 handled 0', 'event began'])
  gates[1]!.open()
  await settle(second)
  t.same(client.read(), ['event done', 'answer 1 "done"'])
})

t.test('what has finished ahead of a running message is not run again', async (t) => {
  for (const held of ['sync', 'async']) {
    const stuck = gate()
    const app =
      (first: boolean): App =>
      (worker) => {
        const answer = held === 'sync' ? () => 'held' : async () => 'held'
        worker.listen('hold', () => (first ? stuck.promise : answer()), true)
        worker.listen('quick', (n) => n, true)
      }
    const { first, client, next } = await processes(t.testdir(), app(true))
    client.ask('hold')
    client.ask('quick', 2)
    client.ask('quick', 3)
    await settle(first)
    t.same(client.read(), ['answer 2 2', 'answer 3 3'])
    t.equal(client.session?.finishedAhead?.size, 2)

    const second = next(app(false))
    client.ask('quick', 4)
    const heard = await client.comeBack(second)
    t.same(heard.sort(), ['answer 1 "held"', 'answer 4 4', 'welcome from 3 taken 0 handled 0'], held)
    t.same(second.seen, ['suspend', 'resume', 'hold', 'quick 4'], held)
    t.equal(client.session?.handled, 4)
    t.equal(client.session?.handledCheck, client.session?.inbox.check)
    t.equal(client.session?.finishedAhead, null)
    t.same(await client.comeBack(second), ['welcome from 5 taken 4 handled 4'])
  }
})

t.test('… also where the running one is finished before they come again', async (t) => {
  const stuck = gate()
  const app =
    (first: boolean): App =>
    (worker) => {
      worker.listen('hold', () => (first ? stuck.promise : 'held'), true)
      worker.listen('quick', (n) => n, true)
    }
  const { first, client, next } = await processes(t.testdir(), app(true))
  client.ask('hold')
  client.ask('quick', 2)
  await settle(first)
  client.read()
  const second = next(app(false))
  client.worker = second
  t.same(await client.connect(), ['welcome from 2 taken 0 handled 0'])
  for (const frame of [encodeEvent('hold', [], true), encodeEvent('quick', [2], true)]) {
    client.send(frame)
    await settle(second)
  }
  t.same(client.read(), ['answer 1 "held"'])
  client.ask('quick', 3)
  await settle(second)
  t.same(client.read(), ['answer 3 3'])
  t.same(second.seen, ['suspend', 'resume', 'hold', 'quick 3'])
  t.equal(client.session?.handled, 3)
  t.equal(client.session?.handledCheck, client.session?.inbox.check)
  t.equal(client.session?.finishedAhead, null)
})

t.test('`open` runs again only where it was not finished', async (t) => {
  const opening = gate()
  const app =
    (waits: boolean): App =>
    (worker) =>
      worker.server.on('session', (session) =>
        session.on('open', async () => {
          if (waits) await opening.promise
          session.emit('hello')
        }),
      )
  const { client, next } = await processes(t.testdir(), app(true))
  client.emit('nobody')
  t.same(client.read(), [])
  const second = next(app(false))
  t.same(await client.comeBack(second), ['welcome from 1 taken 0 handled 0', 'event hello'])
  t.same(second.seen, ['open', 'suspend', 'resume'])
  const third = next(app(false))
  t.same(await client.comeBack(third), ['welcome from 2 taken 1 handled 1'])
  t.same(third.seen, ['suspend', 'resume'])
})

t.test('grace', async (t) => {
  const lasting: App = (worker) =>
    worker.server.on('session', (session) => session.on('open', () => session.emit('x')))

  t.test('a session that was connected has all of it, from the recovery on', async (t) => {
    const { client, next } = await processes(t.testdir(), lasting)
    const second = next(lasting, 15_000)
    await settle(second)
    t.same(second.seen, ['suspend'])
    second.pass(LIMITS.graceMs - 100)
    t.ok(client.session)
    // The next process goes on with what this one began.
    const third = next(lasting)
    await settle(third)
    t.same(third.seen, [], 'it knows already')
    third.pass(LIMITS.graceMs + 100)
    await settle(third)
    t.same(third.seen, ['close session_expired'])
  })

  t.test('one that was waiting already waits no longer', async (t) => {
    const { first, client, next } = await processes(t.testdir(), lasting)
    client.lose()
    await settle(first)
    const second = next(lasting, LIMITS.graceMs - 1000)
    second.pass(800)
    t.equal(second.state.sessions.size, 1)
    second.pass(300)
    await settle(second)
    t.same(second.seen, ['close session_expired'])
    t.same(await client.comeBack(second), [`gone session_expired 0/${Number.MAX_SAFE_INTEGER}`])
  })

  t.test('past it', async (t) => {
    const { first, client, next } = await processes(t.testdir(), lasting)
    client.emit('nobody')
    await settle(first)
    client.lose()
    await settle(first)
    const second = next(lasting, LIMITS.graceMs + 1)
    second.pass(50)
    await settle(second)
    t.same(second.seen, ['close session_expired'])
    t.equal(second.state.sessions.size, 0)
    t.same(await client.comeBack(second), [`gone session_expired 1/${Number.MAX_SAFE_INTEGER}`])
    t.same(await client.comeBack(next()), [`gone session_expired 1/${Number.MAX_SAFE_INTEGER}`])
  })
})

t.test('ended sessions still answer, and for no longer than they would have', async (t) => {
  const { first, client, next } = await processes(t.testdir(), talk)
  client.emit('who')
  await settle(first)
  first.apps[0]!.close('room_lost')
  await settle(first)
  const second = next(talk, 5000)
  t.same(await client.comeBack(second), ['gone room_lost 1/1'])
  second.pass(10 * LIMITS.graceMs - 5100)
  t.equal(second.state.tombstones.size, 1)
  second.pass(200)
  t.equal(second.state.tombstones.size, 0)
  t.same(await client.comeBack(second), ['gone session_unknown 0/1'])
})

t.test('a question of the dead process: the late answer is counted and dropped', async (t) => {
  const ask: App = (worker) =>
    worker.listen('ask', async () => `got ${await worker.apps[0]!.emitWithAck('name')}`)
  const { first, client, next } = await processes(t.testdir(), ask)
  client.ask('ask')
  await settle(first)
  t.same(client.read(), ['question name'])
  client.lose()
  client.sent += 1
  const answer = (to: number, value: string) => encodeAnswer(to, { ok: true, value })

  const second = next()
  t.same(await client.comeBack(second), ['welcome from 2 taken 0 handled 0', 'question name'])
  client.send(answer(1, 'late'))
  await settle(second)
  t.same(client.read(), [])
  client.sent += 1
  client.send(answer(2, 'Ann'))
  await settle(second)
  t.same(client.read(), ['answer 1 "got Ann"'])
  t.equal(client.session?.handled, 3)
  t.equal(client.session?.handledCheck, client.session?.inbox.check)
})

for (const when of ['before', 'behind']) {
  t.test(`a join whose answer had not come, asked ${when} the home took it`, async (t) => {
    const path = join(t.testdir(), 'slot-0.log')
    const fleet: TestWorker[] = []
    const enter: App = (worker) =>
      worker.listen('enter', async () => {
        await worker.apps[0]!.join('far')
        worker.apps[0]!.emit('entered')
      })
    const { worker: first, file: journal } = journaled(path, () => {}, {}, { fleet })
    enter(first, journal)
    const home = new TestWorker({ slot: 1, fleet })
    const client = new Returning(first)
    await client.connect()
    client.emit('enter')
    first.commit()
    if (when === 'behind') {
      while (first.busDeliver(home));
      home.commit()
      t.equal(home.state.homes.get('far')?.members.size, 1)
    }
    const second = recoveredWorker(path, enter, { fleet }).worker
    // As two hellos on the bus would have it.
    second.busCursor.set(1, home.state.received(0))
    home.busCursor.set(0, second.state.received(1))
    t.match(second.state.byKey.get('hash-of-key')?.rooms?.get('far'), { standing: 'joining' })
    t.same(await client.comeBack(second), ['welcome from 1 taken 0 handled 0'])
    await settle(second, home)
    t.same(client.read(), ['event entered'])
    t.match(client.session?.rooms?.get('far'), { standing: 'member', answersDue: 0 })
    t.equal(await home.server.room('far').count(), 1)
    home.server.to('far').emit('said')
    await settle(second, home)
    t.same(client.read(), ['event said'])
  })
}

t.test(
  'an outbox that overflowed, and nothing more of that turn was written: its session ends',
  async (t) => {
    const { path, file, first, client, next } = await processes(t.testdir(), talk)
    const other = await Peer.connected(first, { key: 'other' })
    const frame = new Frame(encodeEvent('much', ['x'.repeat(4000)]))
    file.write(Array.from({ length: 5 }, () => ({ type: 'sent', session: client.id!, frame }) as const))
    t.equal(recovered(path).state.overflowed.length, 1)
    const second = next()
    await settle(second)
    t.same(second.seen.sort(), ['close outbox_overflow', 'suspend', 'suspend'])
    t.same([...second.state.sessions.keys()], [other.id])
    t.same(await client.comeBack(second), [`gone outbox_overflow 0/${Number.MAX_SAFE_INTEGER}`])
  },
)
