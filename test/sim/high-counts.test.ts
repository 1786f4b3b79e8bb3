/** Counts that pass 2³¹ and 2³²: no shift, no mask, no 32-bit field on their way. */
import t from 'tap'
import { countFrom } from './high-counts.ts'
import { simulate } from './replay.ts'

const SHAPE = { workers: 2, clients: 4, faults: 60, restarts: false, rests: false }

for (const power of [31, 32]) {
  t.test(`past 2^${power}`, async (t) => {
    countFrom(2 ** power - 3)
    const { world, findings } = await simulate(power, SHAPE, 25_000)
    t.same(findings, [])
    const sessions = world.nodes.flatMap(({ state }) => [...state.sessions.values()])
    const passed = (count: number): boolean => count > 2 ** power
    t.ok(sessions.some(({ inbox }) => passed(inbox.count)))
    t.ok(sessions.some(({ outbox }) => passed(outbox.base)))
    for (const { state } of world.nodes)
      for (const { received } of state.peers.values()) t.ok(passed(received))
  })
}
