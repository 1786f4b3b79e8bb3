/** Messages that may have been running when their process died, in the processes that follow. */
import t from 'tap'
import { CODES } from '../../lib/wire/codes.ts'
import { encodeAnswer } from '../../lib/wire/frames.ts'
import { ATTEMPTS_MAX } from '../../lib/worker/retries.ts'
import { gate, settle } from '../support/core.ts'
import { type App, processes, Returning, recovered } from '../support/journaled.ts'

/** Its handler takes the process down: nothing of it is written from then on. */
const deadly =
  (kills: boolean): App =>
  (worker, file) => {
    worker.listen('say', (text) => text)
    worker.listen('die', () => {
      if (!kills) return 'survived'
      file.close()
      return new Promise(() => {})
    })
  }

t.test('a message whose process dies each time is skipped, and nobody else is concerned', async (t) => {
  const { first, client, next } = await processes(t.testdir(), deadly(true))
  const other = new Returning(first, { key: 'other' })
  await other.connect()
  other.ask('say', 'mine')
  client.ask('say', 'before')
  await settle(first)
  client.ask('die')
  client.ask('say', 'behind')
  await settle(first)
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const process = next()
    await client.comeBack(process)
    t.ok(process.seen.includes('die'), `attempt ${attempt}`)
    t.notOk(process.seen.includes('say behind'))
  }
  const last = next()
  await client.comeBack(last)
  t.same(
    last.batches.flat().flatMap((record) => (record.type === 'sent' ? record.frame.data : [])),
    [
      encodeAnswer(2, { ok: false, code: 'poison', message: CODES.poison.text }),
      encodeAnswer(3, { ok: true, value: 'behind' }),
    ],
  )
  t.same(last.seen, ['suspend', 'resume', 'say behind'])
  t.match(
    last.logged.filter(({ level }) => level === 50),
    [{ msg: /^a message is skipped: the process died/, session: client.id, event: 'die' }],
  )
  t.equal(client.session?.handled, 3)
  t.equal(client.session?.attempts, null)
  t.same(await other.comeBack(last), ['welcome from 1 taken 1 handled 1', 'answer 1 "mine"'])
})

t.test('one that gets through in the end: its attempts are forgotten', async (t) => {
  const { path, first, client, next } = await processes(t.testdir(), deadly(true))
  client.ask('die')
  await settle(first)
  for (let attempt = 1; attempt <= 2; attempt++) await client.comeBack(next())
  t.same([...recovered(path).state.byKey.get('hash-of-key')!.attempts!], [[1, 2]])
  const last = next(deadly(false))
  t.same(await client.comeBack(last), ['welcome from 1 taken 0 handled 0', 'answer 1 "survived"'])
  t.equal(client.session?.attempts, null)
  t.equal(recovered(path).state.byKey.get('hash-of-key')!.attempts, null)
})

t.test('those that only ran beside it get past it, whoever comes first', async (t) => {
  const waiting: App = (worker, file) => {
    deadly(true)(worker, file)
    worker.listen('wait', async () => 'waited')
  }
  for (const first of ['deadly', 'innocent']) {
    const { first: begin, client, next } = await processes(t.testdir(), waiting)
    const innocent = new Returning(begin, { key: 'innocent' })
    await innocent.connect()
    innocent.ask('wait')
    client.ask('die')
    await settle(begin)
    const both = first === 'deadly' ? [client, innocent] : [innocent, client]
    const heard: string[] = []
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const worker = next()
      const words: string[][] = []
      for (const peer of both) {
        peer.worker = worker
        words.push(await peer.connect())
      }
      heard.push(...words[both.indexOf(innocent)]!)
      for (const [i, peer] of both.entries()) peer.repeat(words[i]!)
      await settle(worker)
      t.equal(worker.seen.filter((what) => what === 'die').length, 1, `attempt ${attempt}`)
    }
    const last = next()
    t.match((await client.comeBack(last)).at(-1), 'answer 1 !poison')
    heard.push(...(await innocent.comeBack(last)))
    t.same(
      heard.filter((word) => word.startsWith('answer')),
      ['answer 1 "waited"'],
      first,
    )
  }
})

t.test('one that does not end keeps the others waiting for ten seconds', async (t) => {
  const stuck = gate()
  const stalling =
    (stalls: boolean): App =>
    (worker, file) => {
      worker.listen('stall', () => stuck.promise)
      worker.listen('wait', () => (stalls ? stuck.promise : 'waited'))
      if (stalls) worker.listen('dead', () => file.close())
    }
  const { first, client, next } = await processes(t.testdir(), stalling(true))
  const other = new Returning(first, { key: 'other' })
  await other.connect()
  client.ask('stall')
  other.ask('wait')
  await settle(first)
  // The first attempts of both, at once.
  const second = next()
  await client.comeBack(second)
  await other.comeBack(second)
  t.ok(second.seen.includes('stall') && second.seen.includes('wait'))
  const third = next(stalling(false))
  await client.comeBack(third)
  t.same(await other.comeBack(third), ['welcome from 1 taken 0 handled 0'])
  third.pass(9900)
  await settle(third)
  t.same(other.read(), [])
  third.pass(200)
  await settle(third)
  t.same(other.read(), ['answer 1 "waited"'])
  stuck.open('over')
  await settle(third)
  t.same(client.read(), ['answer 1 "over"'])
})

t.test('a process that ends in order was taken down by nobody: that is no attempt', async (t) => {
  const waiting: App = (worker) => worker.listen('wait', () => new Promise(() => {}))
  const { first, client, next, path } = await processes(t.testdir(), waiting)
  client.ask('wait')
  await settle(first)
  for (let reload = 0; reload <= ATTEMPTS_MAX; reload++) {
    const worker = next()
    await client.comeBack(worker)
    t.equal(worker.seen.at(-1), 'wait', 'it runs')
    worker.sessions.spare()
    worker.commit()
    t.equal(recovered(path).state.byKey.get('hash-of-key')!.attempts, null)
  }
  t.same(client.read(), [])
})

t.test('a session whose `open` takes the process down ends', async (t) => {
  const opening: App = (worker, file) =>
    worker.server.on('session', (session) =>
      session.on('open', () => {
        file.close()
        return new Promise(() => {})
      }),
    )
  // Written with its `opened`, and no more.
  const { client, next, path } = await processes(t.testdir(), (worker) =>
    worker.server.on('session', (session) => session.on('open', () => new Promise(() => {}))),
  )
  t.notOk(recovered(path).state.byKey.get('hash-of-key')!.opened)
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const worker = next(opening)
    await client.comeBack(worker)
    t.same(worker.seen, ['open'])
  }
  const last = next(opening)
  t.same(await client.comeBack(last), ['close refused'])
  t.equal(last.state.sessions.size, 0)
})

t.test('a batch does not end in the middle of another handler', async (t) => {
  let shared = gate()
  // Both go on at once, and the first has acted when the second makes place for what is behind it.
  const app: App = (worker, file) => {
    deadly(true)(worker, file)
    worker.listen('act', async () => {
      await shared.promise
      worker.apps.find(({ id }) => id === actor)!.emit('acted')
    })
    worker.listen('wait', () => shared.promise)
  }
  let actor: string | undefined
  const { first, client, next, path } = await processes(t.testdir(), app)
  const other = new Returning(first, { key: 'other' })
  await other.connect()
  actor = other.id
  client.emit('wait')
  client.emit('die')
  await settle(first)
  const second = next()
  shared = gate()
  await client.comeBack(second)
  await other.comeBack(second)
  other.emit('act')
  await settle(second)
  shared.open()
  await settle(second)
  t.ok(second.seen.includes('die'))
  const { handled, outbox } = recovered(path).state.byKey.get('hash-of-other')!
  t.equal(outbox.end, handled, 'what it did and "handled": both or neither')
})
