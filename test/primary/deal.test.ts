/** The program that deals, as the primary runs it: journals of two slots become journals of three. */

import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseOptions } from '../../lib/options.ts'
import { placeRoom, placeSegment } from '../../lib/placement.ts'
import { runDeal } from '../../lib/primary/deal.ts'
import type { Deal } from '../../lib/wire/ipc.ts'
import { type Recovered, recover } from '../../lib/worker/recovery.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { stateLimitsOf } from '../../lib/worker/state-limits.ts'
import { Peer, settle, type TestWorker } from '../support/core.ts'
import { journaled, MOMENT } from '../support/journaled.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ROOT } from '../support/root.ts'

// Built, and without what the runner is started with.
const PROGRAM = join(ROOT, 'dist/lib/deal.js')
process.execArgv = []
const KEY = new Uint8Array(32).fill(7)
const parsed = parseOptions([], {})
if (parsed.kind !== 'run') throw new Error(parsed.kind)
const { options } = parsed
const limits = stateLimitsOf(options)

/** Which session, room and segment belong to which slot. */
const segmentOn = (slot: number, workers: number): string =>
  Array.from({ length: 99 }, (_, i) => `s${i}`).find((name) => placeSegment(KEY, name, workers) === slot)!
const roomOn = (slot: number, workers: number): string =>
  Array.from({ length: 99 }, (_, i) => `r${i}`).find((name) => placeRoom(KEY, name, workers) === slot)!

function order(directory: string): Deal {
  const [from, to] = ['from', 'to'].map((name) => join(directory, name)) as [string, string]
  for (const path of [from, to]) mkdirSync(path)
  return { from: { path: from, workers: 2 }, to: { path: to, workers: 3 }, placementKey: KEY, options }
}

t.test('journals of two slots become journals of three', async (t) => {
  const deal = order(t.testdir())
  const fleet: TestWorker[] = []
  const homeOf = (room: string): number => placeRoom(KEY, room, 2)
  const files = [0, 1].map((slot) => {
    const path = join(deal.from.path, `slot-${slot}.log`)
    return journaled(path, () => {}, {}, { slot, fleet, homeOf, limits }).file
  })
  const [here, there] = fleet as [TestWorker, TestWorker]
  const ann = await Peer.connected(here, { key: 'ann', segment: segmentOn(0, 2) })
  const bob = await Peer.connected(there, { key: 'bob', segment: segmentOn(1, 2) })
  const room = roomOn(1, 2)
  void here.apps[0]!.join(room)
  void there.apps[0]!.join(room)
  await settle(here, there)
  here.clock.now += 500
  ann.lose()
  here.apps[0]!.to(room).emit('said', 'under way')
  for (const worker of fleet) worker.commit()
  for (const file of files) file.close()
  const began = Date.now()
  t.equal(await runDeal(PROGRAM, deal, () => {}), 2)

  t.same(readdirSync(deal.to.path).sort(), ['slot-0.log', 'slot-1.log', 'slot-2.log'])
  const slots = [0, 1, 2].map((slot) => {
    const path = join(deal.to.path, `slot-${slot}.log`)
    t.equal(statSync(path).mode & 0o777, 0o600)
    const state = new WorkerState(slot, limits)
    const recovery = recover(path, state) as Recovered
    t.match(recovery, { kind: 'recovered', tail: 'clean', about: { slot, limits } })
    return { state, recovery }
  })
  t.equal(new Set(slots.map(({ recovery }) => recovery.about.epoch)).size, 3, 'each its own memory')
  for (const { key, segment } of [ann, bob]) {
    const { state, recovery } = slots[placeSegment(KEY, segment, 3)]!
    const session = state.byKey.get(`hash-of-${key}`)!
    t.same([session.outbox.end, session.outbox.at(1).data], [1, `e["said","under way"]`], key)
    t.same([...session.rooms!.keys()], [room])
    if (key !== 'ann') continue
    // Since it was suspended the wall clock has gone on.
    const waited = recovery.time - (session.phase as { since: number }).since
    const passed = began - MOMENT.wall
    t.ok(waited > passed - 1000 && waited < passed + 60_000, `${waited} ms, ${passed} passed`)
  }
  const home = slots[placeRoom(KEY, room, 3)]!.state.homes.get(room)!
  t.equal(home.members.size, 2)
  t.equal(home.history.length, 1)
})

t.test('what cannot be dealt is said in one sentence, and left alone', async (t) => {
  const deal = order(t.testdir())
  const path = join(deal.from.path, 'slot-1.log')
  writeFileSync(path, 'limpet journal 2\n')
  await t.rejects(
    runDeal(PROGRAM, deal, () => {}),
    { message: `${path} is no journal of this version; it was left untouched` },
  )
  t.equal(readFileSync(path, 'utf8'), 'limpet journal 2\n')
  t.same(readdirSync(deal.to.path), [])
})

t.test('a program that is killed', async (t) => {
  const deal = order(t.testdir())
  await t.rejects(
    runDeal(PROGRAM, deal, (child) => void child.kill('SIGKILL')),
    { message: 'the journal was not dealt to another number of workers: SIGKILL' },
  )
})

nothingLeft(t)
