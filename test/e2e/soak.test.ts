/** A few seconds of what `npm run soak` does for long; and that its judge finds what it looks for. */
import t from 'tap'
import type { Gauge } from '../support/gauges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { seeded } from '../support/seed.ts'
import { unexpected } from './chaos-run.ts'
import { heldTooMuch } from './soak-judge.ts'
import { Soak } from './soak-run.ts'

const MIB = 1024 * 1024
const none: Gauge = {
  ...{ of: '0', pid: 1, heapBytes: 10 * MIB, timers: 1, handles: 6, descriptors: 19, journalBytes: MIB },
}

t.test('what is found', async (t) => {
  t.same(heldTooMuch([none], [{ ...none, pid: 2, heapBytes: 12 * MIB, handles: 5 }]), [])
  const grown = {
    ...none,
    heapBytes: 20 * MIB,
    timers: 2,
    handles: 8,
    descriptors: 22,
    journalBytes: 41 * MIB,
  }
  t.same(heldTooMuch([none], [grown]), [
    '0: the heap has 10.0 MiB more',
    '0: 1 more timers',
    '0: 2 more handles',
    '0: 3 more descriptors',
    '0: a journal of 41.0 MiB',
  ])
  t.same(heldTooMuch([], [none]), ['0 was not there'])
})

t.test('a round of everything at once', async (t) => {
  const crowd = { graceMs: 6000, clients: 2, members: 2, visitors: 30 }
  const soak = await Soak.begin({ ...crowd, killEveryMs: 800, readersEveryMs: 500 }, seeded(t))
  t.teardown(() => soak.close())
  const { findings, peak, kills, readers, visitors, totals } = await soak.round(1600)
  t.comment(`${kills} kills, ${readers} readers, ${visitors} visitors; ${totals}; ${JSON.stringify(peak)}`)
  t.same(findings, [])
  t.ok(kills > 0 && readers > 0 && visitors > 10 && peak.sessions > 0)
  t.same(unexpected(soak.cluster.complaints()), [])
})

nothingLeft(t)
