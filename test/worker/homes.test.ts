import t from 'tap'
import { decodeItem } from '../../lib/bus/items.ts'
import { placeRoom, placeSegment } from '../../lib/placement.ts'
import { Peer, settle, TestWorker, type TestWorkerOptions } from '../support/core.ts'
import { randomFrom, seeded } from '../support/seed.ts'

/** Three workers; `far…` rooms have their home in the second. Ann and Bea are on the first, Bob is on the second. */
const trio = async (limits: TestWorkerOptions['limits'] = {}) => {
  const fleet: TestWorker[] = []
  const workers = [0, 1, 2].map((slot) => {
    const worker = new TestWorker({ slot, fleet, limits })
    worker.server.ready = false
    worker.server.publicData('name', 'color')
    worker.server.ready = true
    worker.server.use(({ headers }) => ({ name: headers['user-agent'], secret: 'x' }))
    return worker
  })
  const [here, there] = workers as [TestWorker, TestWorker]
  const enter = async (worker: TestWorker, key: string) => {
    const peer = await Peer.connected(worker, { key })
    const app = worker.apps.at(-1)!
    app.update({ name: key })
    return { peer, app, id: app.id, hears: () => told(peer) }
  }
  const [ann, bea, bob] = [await enter(here, 'ann'), await enter(here, 'bea'), await enter(there, 'bob')]
  return { workers, here, there, ann, bea, bob, enter, all: () => settle(...workers) }
}

/** Notices as `joined far ann Ann`, other events as they are. */
function told(peer: Peer): string[] {
  const words: string[] = []
  for (const data of peer.link.take()) {
    if (!String(data).startsWith('e[')) continue
    peer.inbox.count += 1
    const [name, ...args] = JSON.parse(String(data).slice(1)) as [
      string,
      string,
      { id: string; data: object },
    ]
    if (typeof args[1] !== 'object') words.push([name, ...args].join(' '))
    else words.push(`${name} ${args[0]} ${args[1].id} ${JSON.stringify(args[1].data)}`)
  }
  return words
}

const items = (from: TestWorker, to: number): string[] => {
  const { base, end } = from.state.outbox(to)
  return Array.from(
    { length: end - base },
    (_, i) => decodeItem(from.state.outbox(to).at(base + 1 + i).data as Uint8Array)!.kind,
  )
}

for (const room of ['near', 'far']) {
  t.test(`who watches is told who comes and goes, home ${room}`, async (t) => {
    const { here, ann, bea, bob, all } = await trio()
    void ann.app.join(room, { presence: true })
    void bea.app.join(room)
    await all()
    const joined = (who: { id: string }, name: string): string =>
      `joined ${room} ${who.id} {"name":"${name}"}`
    t.same(ann.hears(), [joined(ann, 'ann'), joined(bea, 'bea')], 'also of itself')
    t.same(bea.hears(), [], 'who did not ask for it is not')

    bob.app.to(room).emit('said', 'outside')
    void bob.app.join(room, { presence: true })
    bob.app.to(room).emit('said', 'inside')
    bob.app.update({ color: 'red', secret: 'y' })
    bob.app.to(room).emit('said', 'in red')
    void bob.app.leave(room)
    bob.app.to(room).emit('said', 'outside again')
    await all()
    const before = ['said outside', joined(bob, 'bob'), 'said inside']
    const change = `${room} ${bob.id} {"name":"bob","color":"red"}`
    t.same(
      ann.hears(),
      [...before, `updated ${change}`, 'said in red', `left ${change}`, 'said outside again'],
      'in the order of the room',
    )
    t.same(bea.hears(), ['said outside', 'said inside', 'said in red', 'said outside again'])

    bea.peer.lose()
    await all()
    t.same(ann.hears(), [], 'a suspended session is a member still')
    t.equal(await here.server.room(room).count(), 2)
    bea.app.close()
    await all()
    t.same(ann.hears(), [`left ${room} ${bea.id} {"name":"bea"}`])
    ann.app.close()
    await all()
    t.equal(await here.server.room(room).count(), 0)
  })

  t.test(`joining again changes whether one is told, home ${room}`, async (t) => {
    const { workers, here, ann, bea, all } = await trio()
    void ann.app.join(room)
    await all()
    const again = ann.app.join(room, { presence: true })
    await again
    await all()
    t.same(ann.hears(), [], 'it is no news to anybody')
    void bea.app.join(room)
    await all()
    t.same(ann.hears(), [`joined ${room} ${bea.id} {"name":"bea"}`])
    await ann.app.join(room)
    void bea.app.leave(room)
    await all()
    t.same(ann.hears(), [])
    t.equal(await here.server.room(room).count(), 1)
    t.same(
      workers.map(({ state }) => [...(state.homes.get(room)?.watching ?? [])]),
      [[], [], []],
    )
    // While the join is pending, too.
    void bea.app.join(room)
    void bea.app.join(room, { presence: true })
    await all()
    void ann.app.leave(room)
    await all()
    t.same(bea.hears().at(-1), `left ${room} ${ann.id} {"name":"ann"}`)
  })
}

t.test('members show the public fields, always the newest', async (t) => {
  const { here, there, ann, bob, all } = await trio()
  for (const room of ['near', 'far']) void ann.app.join(room)
  await all()
  const members = async (): Promise<unknown[]> =>
    Promise.all(
      [here, there].flatMap(({ server }) =>
        ['near', 'far'].map(async (room) => (await server.room(room).members())[0]?.data),
      ),
    )
  t.same(await members(), Array(4).fill({ name: 'ann' }))
  ann.app.update({ name: 'Ann', color: { deep: ['red'] }, other: 1 })
  await all()
  t.same(await members(), Array(4).fill({ name: 'Ann', color: { deep: ['red'] } }))
  ann.app.update({ other: 2, name: 'Ann' })
  t.same(items(here, 1), [], 'what nobody sees costs nothing')
  t.same(ann.app.data.other, 2)
  ann.app.update({ name: 'Anna' })
  t.same(items(here, 1), ['renew'])
  void ann.app.leave('far')
  ann.app.update({ name: 'A' })
  await all()
  t.same(await here.server.room('far').members(), [])
  void bob.app.join('near')
  await all()
  t.same(
    (await here.server.room('near').members()).map(({ data }) => data.name),
    ['A', 'bob'],
  )
})

t.test('an update behind a join that is pending changes nothing of when it counts', async (t) => {
  const { here, ann, all } = await trio()
  void ann.app.join('far')
  ann.app.to('far').emit('said', 'mine')
  ann.app.update({ name: 'Ann' })
  ann.app.to('far').emit('said', 'too')
  t.same(items(here, 1), ['join', 'publish', 'renew', 'publish'])
  await all()
  t.same(ann.hears(), ['said mine', 'said too'])
  t.same((await here.server.room('far').members())[0]?.data, { name: 'Ann' })
})

t.test('public fields are named while the application is loaded', async (t) => {
  const worker = new TestWorker()
  worker.server.use(() => ({ name: 'Ann', __proto__: null }))
  await Peer.connected(worker)
  await worker.apps[0]!.join('near')
  t.same((await worker.server.room('near').members())[0]?.data, {}, 'without them nothing is shown')
  t.throws(() => worker.server.publicData('name'), { code: 'arguments_invalid' })
  worker.server.ready = false
  t.throws(() => worker.server.publicData(7 as unknown as string), { code: 'arguments_invalid' })
  t.equal(worker.server.publicData('__proto__', 'toString', 'name'), worker.server)
  worker.apps[0]!.update({ name: 'Bob' })
  t.strictSame((await worker.server.room('near').members())[0]?.data, { name: 'Bob' })
})

t.test('public data is bounded', async (t) => {
  const { ann, here, all } = await trio({ publicBytes: 50 })
  await ann.app.join('near')
  t.throws(() => ann.app.update({ name: 'x'.repeat(40), other: 1 }), { code: 'payload_too_large' })
  t.same(ann.app.data, { name: 'ann', secret: 'x' }, 'nothing has changed')
  ann.app.update({ name: 'x'.repeat(39) })
  ann.app.update({ secret: 'x'.repeat(40) })
  await all()
  t.same((await here.server.room('near').members())[0]?.data, { name: 'x'.repeat(39) })

  const worker = new TestWorker({ limits: { publicBytes: 50 } })
  worker.server.ready = false
  worker.server.publicData('name')
  worker.server.ready = true
  worker.server.use(() => ({ name: 'x'.repeat(40) }))
  await Peer.connected(worker)
  await t.rejects(worker.apps[0]!.join('near'), { code: 'payload_too_large' })
  worker.apps[0]!.update({ name: 'short' })
  await worker.apps[0]!.join('near')
})

t.test('an update that cannot be told changes nothing', async (t) => {
  const { ann, here, all } = await trio({ busBytes: 4000 })
  for (const room of ['near', 'far']) void ann.app.join(room, { presence: true })
  await all()
  ann.hears()
  ann.app.to('far').emit('said', 'x'.repeat(2500))
  t.throws(() => ann.app.update({ name: 'Ann' }), { code: 'room_unavailable' })
  t.equal(ann.app.data.name, 'ann')
  await t.rejects(ann.app.join('far'), { code: 'room_unavailable' })
  t.same(items(here, 1), ['publish'])
  ann.app.update({ secret: 'this goes nowhere' })
  await all()
  t.same(ann.hears().length, 1)
  ann.app.update({ name: 'Ann' })
  await all()
  t.equal(ann.hears().length, 2, 'one for each room')
})

t.test('a notice is one item per worker with members that watch, however many', async (t) => {
  const { workers, ann, bea, bob, enter, all } = await trio()
  const home = workers[1]!
  const cid = await enter(workers[2]!, 'cid')
  for (const { app } of [ann, bea]) void app.join('far', { presence: true })
  void cid.app.join('far')
  await all()
  void bob.app.join('far')
  t.same(
    [0, 2].map((slot) => items(home, slot)),
    [['notice'], []],
  )
  await all()
  for (const who of [ann, bea]) t.same(who.hears().length, who === ann ? 4 : 3)
  for (const { app } of [ann, bea]) void app.join('far')
  await all()
  void bob.app.leave('far')
  t.same(
    [0, 2].map((slot) => items(home, slot)),
    [[], []],
    'nobody watches any more',
  )
})

t.test('a worker that lost its memory: its members have left', async (t) => {
  const { here, ann, bob, all } = await trio()
  void ann.app.join('near', { presence: true })
  void bob.app.join('near', { presence: true })
  await all()
  ann.hears()
  here.rooms.peerReset(1)
  here.commit()
  t.same(ann.hears(), [`left near ${bob.id} {"name":"bob"}`])
  t.same(items(here, 1), [], 'nothing is sent to those that are gone')
})

t.test('a worker that does not take its notices is cut off', async (t) => {
  const { here, workers, ann, bob, bea } = await trio({ busBytes: 3000 })
  void ann.app.join('near', { presence: true })
  void bob.app.join('near', { presence: true })
  await settle(...workers)
  ann.hears()
  const heard: string[] = []
  let most = 0
  for (let i = 0; i < 100 && here.state.homes.get('near')?.slots.has(1); i++) {
    void bea.app.join('near')
    void bea.app.leave('near')
    here.commit()
    heard.push(...ann.hears())
    ann.peer.send(`r${ann.peer.inbox.count}`)
    most = Math.max(most, here.state.outbox(1).bytes)
  }
  t.ok(most > 2000 && most < 4000, `${most} bytes at most`)
  t.same(items(here, 1), ['cut'], 'what did not leave is taken back')
  t.same(
    heard.filter((words) => words.includes(bob.id)),
    [`left near ${bob.id} {"name":"bob"}`],
    'the others are told, once',
  )
  await settle(...workers)
  t.same(bob.peer.read().at(-1), 'gone room_lost 0/0')
  t.equal(await here.server.room('near').count(), 1)
})

t.test('a room of a segment costs no bus', async (t) => {
  const key = Buffer.alloc(32, 7)
  const fleet: TestWorker[] = []
  const homeOf = (room: string): number => placeRoom(key, room, 4)
  const workers = [0, 1, 2, 3].map((slot) => new TestWorker({ slot, fleet, homeOf }))
  for (const segment of ['table-1', 'table-2', 'table-3', 'table-4', 'table-5']) {
    const worker = workers[placeSegment(key, segment, 4)]!
    const room = `{${segment}}/moves`
    const peers = [await Peer.connected(worker, { key: `${segment}a`, segment })]
    peers.push(await Peer.connected(worker, { key: `${segment}b`, segment }))
    const apps = worker.apps.slice(-2)
    for (const app of apps) void app.join(room, { presence: true })
    apps[0]!.to(room).emit('moved', 'e4')
    apps[1]!.to(room).volatile.emit('hovers')
    await settle(...workers)
    t.ok(peers[1]!.read().includes('event moved e4'))
    t.equal((await worker.server.room(room).history()).entries.length, 1)
    apps[0]!.update({ any: 1 })
    apps[0]!.close()
    await settle(...workers)
    t.equal(await worker.server.room(room).count(), 1)
  }
  const sent = workers.flatMap(({ state }) => [...state.peers.values()].map(({ outbox }) => outbox.end))
  t.same(new Set(sent), new Set([0]), 'not one item')
  t.ok(workers.filter(({ apps }) => apps.length > 0).length > 1, 'on several workers')
})

t.test('the name of a history', async (t) => {
  const { there, here, ann, workers, all } = await trio({ emptyRooms: 1 })
  const epoch = async (room: string) => (await here.server.room(room).history()).epoch
  t.equal(await epoch('far'), null)
  void ann.app.join('far')
  await all()
  const first = await epoch('far')
  t.type(first, 'string')
  ann.app.to('far').emit('said', 1)
  void ann.app.leave('far')
  await all()
  t.equal(await epoch('far'), first, 'it is kept with the history')
  here.server.to('far-other').emit('said')
  await all()
  t.equal(await epoch('far'), null, 'forgotten for another room without members')
  here.server.to('far').emit('said', 2)
  await all()
  t.match(await here.server.room('far').history(), { entries: [{ number: 1, args: [2] }], earlier: 'none' })
  t.not(await epoch('far'), first)
  t.not(await epoch('far'), null)
  t.equal(workers.length, 3)
  t.equal(there.state.homes.size, 1)
})

t.test('what one that watches was told is always what the home knows', async (t) => {
  const seeds = seeded(t)
  let cuts = 0
  for (let run = 0; run < 60; run++) {
    const random = randomFrom(seeds.int(0, 2 ** 32 - 1))
    const { workers, enter, all, ...first } = await trio({ busBytes: 1200, outboxBytes: 1 << 20 })
    const room = random.pick(['near', 'far'])
    // On the home's own worker: nobody can cut it off.
    const watcher = room === 'near' ? first.ann : first.bob
    const others = [
      first.ann,
      first.bea,
      first.bob,
      await enter(workers[2]!, 'cid'),
      await enter(workers[2]!, 'dot'),
    ]
    const stalled = random.chance(0.5) ? random.pick(workers) : null
    void watcher.app.join(room, { presence: true })
    await all()
    for (let step = 0; step < 200; step++) {
      const { app } = random.pick(others.filter((other) => other !== watcher))
      const what = random.int(0, 9)
      if (what >= 6) workers[what - 7]?.commit()
      else if (what >= 4) {
        const [from, to] = [random.pick(workers), random.pick(workers)]
        if (from !== to && to !== stalled && !from.due) from.busDeliver(to)
      } else if (app.state === 'closed' || app.id === watcher.id) continue
      else if (what <= 1) void app.join(room, { presence: random.chance(0.5) }).catch(() => {})
      else if (what === 2) random.chance(0.1) ? app.close() : void app.leave(room)
      else {
        try {
          if (random.chance(0.5)) app.update({ name: `n${step}` })
          else app.to(room).emit('said', 'x'.repeat(random.int(0, 600)))
        } catch (error) {
          t.match(error, { code: 'room_unavailable' })
        }
      }
    }
    await all()
    const view = new Map<string, string>()
    for (const words of watcher.hears()) {
      const [kind, , id, data] = words.split(' ') as [string, string, string, string]
      if (kind === 'said') continue
      if (view.has(id) === (kind === 'joined')) t.fail(`run ${run}, seed ${random.seed}: ${words}`)
      if (kind === 'left') view.delete(id)
      else view.set(id, data)
    }
    const members = workers.flatMap(({ state }) => [...(state.homes.get(room)?.members ?? [])])
    const known = members.map(([id, { data }]): [string, string] => [id, JSON.stringify(data)])
    t.same(new Map(known), view, `run ${run}, seed ${random.seed}`)
    const sessions = workers.flatMap(({ state }) => [...(state.rooms.get(room)?.members ?? [])])
    t.same(new Set(sessions.map(({ id }) => id)), new Set(view.keys()), 'and who is one')
    cuts += workers.flatMap(({ batches }) => batches.flat()).filter(({ type }) => type === 'peerCut').length
    const watching = workers.map(({ state }) => state.rooms.get(room)?.watchers?.size ?? 0)
    const counted = workers.flatMap(({ state }) => [...(state.homes.get(room)?.watching ?? [])])
    t.same(new Map(counted), new Map([...watching.entries()].filter(([, count]) => count > 0)))
  }
  t.ok(cuts > 0, `${cuts} cuts`)
})
