/**
 * What a broadcast costs the bus: one item per interested worker other than the home, one more where the publisher is
 * not at home, whatever the number of members.
 */
import t from 'tap'
import { Peer, settle, TestWorker } from '../support/core.ts'

const HOME = 0

/** Workers with so many members of `near` each. */
async function fleetOf(members: readonly number[]): Promise<TestWorker[]> {
  const fleet: TestWorker[] = []
  for (const slot of members.keys()) new TestWorker({ slot, fleet })
  for (const [slot, count] of members.entries()) {
    const worker = fleet[slot]!
    for (let n = 0; n < count; n++) {
      const peer = new Peer(worker, { key: `key${n}` })
      peer.open()
      peer.hello()
    }
    await settle(worker)
    for (const app of worker.apps) void app.join('near')
  }
  await settle(...fleet)
  return fleet
}

/** Items on each stream, `from>to`, and records of rooms at each worker, that one broadcast leads to. */
async function broadcast(fleet: readonly TestWorker[], publisher: number) {
  const streams = fleet.flatMap(({ slot: from }) => fleet.map(({ slot: to }) => ({ from, to })))
  const ends = (): number[] => streams.map(({ from, to }) => fleet[from]!.state.outbox(to).end)
  const before = ends()
  const batches = fleet.map((worker) => worker.batches.length)
  fleet[publisher]!.server.to('near').emit('said', 'hello')
  await settle(...fleet)
  const items: Record<string, number> = {}
  for (const [i, end] of ends().entries()) {
    const { from, to } = streams[i]!
    if (end > before[i]!) items[`${from}>${to}`] = end - before[i]!
  }
  const records = fleet.map(({ batches: all }, i) =>
    all
      .slice(batches[i])
      .flat()
      .map(({ type }) => type)
      .filter((type) => ['published', 'ordered', 'delivered'].includes(type)),
  )
  const heard = fleet.map(({ state }) => [...state.sessions.values()].filter(({ outbox }) => outbox.end > 0))
  return { items, total: Object.values(items).reduce((sum, n) => sum + n, 0), records, heard }
}

for (const workers of [1, 2, 4, 8]) {
  for (const members of [2, 500]) {
    t.test(`${workers} workers, ${members} members`, async (t) => {
      const slots = Array.from({ length: workers }, (_, slot) => slot)
      const spread = slots.map((slot) => Math.floor(members / workers) + (slot < members % workers ? 1 : 0))
      const fleet = await fleetOf(spread)
      const interested = spread.filter((count, slot) => count > 0 && slot !== HOME).length
      for (const publisher of slots) {
        const { total, records, heard } = await broadcast(fleet, publisher)
        const away = publisher === HOME ? 0 : 1
        t.equal(total, interested + away, `published on ${publisher}`)
        t.equal(records.flat().length, 1 + interested + away, 'one record per worker it involves')
        t.equal(heard.flat().length, members)
      }
    })
  }
}

t.test('the same for 2 members and for 500, and none for workers without', async (t) => {
  for (const count of [1, 249]) {
    const fleet = await fleetOf([0, count, 0, count, 0, 0, 0, 0])
    t.same((await broadcast(fleet, HOME)).items, { '0>1': 1, '0>3': 1 }, `${count} on each of two`)
    t.same((await broadcast(fleet, 1)).items, { '1>0': 1, '0>1': 1, '0>3': 1 })
    t.same((await broadcast(fleet, 7)).items, { '7>0': 1, '0>1': 1, '0>3': 1 })
  }
  const only = await fleetOf([30, 0, 0, 0])
  t.same((await broadcast(only, HOME)).items, {}, 'all at home: nothing')
  t.same((await broadcast(only, 2)).items, { '2>0': 1 })
})

t.test('thirty members on the wrong worker cost what one costs', async (t) => {
  const costs = []
  for (const count of [1, 30]) {
    const { items, records } = await broadcast(await fleetOf([0, 0, count, 0]), 1)
    costs.push({ items, records })
  }
  t.same(costs[0], {
    items: { '1>0': 1, '0>2': 1 },
    records: [['ordered'], ['published'], ['delivered'], []],
  })
  t.same(costs[1], costs[0])
})
