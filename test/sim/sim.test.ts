/**
 * The pure core under faults: ≥ 200,000 steps with fixed seeds, and one drawn anew each run. `SEED=n` repeats one
 * world; `npm run sim -- --seed n --steps 20000 --shrink` says which steps it takes.
 */
import t from 'tap'
import { seeded } from '../support/seed.ts'
import { FOUND } from './found.ts'
import { replay, simulate } from './replay.ts'
import { SHAPES } from './shapes.ts'

const STEPS = 5000

/** How often each fault must have happened, for the rest to mean anything. */
const ENOUGH = {
  cuts: 1000,
  'cuts in mid-frame': 300,
  'frames later than the cut': 300,
  'frames on a fenced link': 50,
  'welcomes cut off': 10,
  'received cut off': 20,
  'lost welcomes': 150,
  'half-open links taken over': 200,
  'live links taken over': 60,
  'late hellos': 400,
  'refused: stale_attempt': 200,
  'skipped GETs': 50,
  'gaps found by clients': 30,
  'doubled POSTs': 100,
  'websocket refused': 100,
  'frames read past back-pressure': 3,
  'refused: backlog_full': 8,
  'client: outbox_full': 300,
  'server ended: outbox_overflow': 40,
  'server ended: session_expired': 60,
  'restarts of workers': 40,
  'restarts of pages': 50,
  'copies of pages': 50,
  'client closed: taken_over': 15,
  'client closed: closed_by_client': 20,
  'pages away': 50,
  drains: 50,
  'hellos answered by retry': 25,
  'retry on a live link': 70,
  'orders obeyed': 50,
  'clocks set back': 30,
  'clocks set forward': 30,
  'empty payloads': 500,
  'volatile messages taken': 70,
  'volatile messages received': 100,
  'questions answered by clients': 100,
  resumes: 300,
  'bus: cuts': 150,
  'bus: cuts with bytes lost': 60,
  'bus: split frames': 1500,
  'bus: workers cut off': 8,
  room_unavailable: 100,
  'room messages': 1500,
  'answers to joins that do not count': 30,
  'discontinuity: room_lost': 20,
  'discontinuity: session_unknown': 30,
}

t.test('what was found once stays away', async (t) => {
  for (const { what, options, steps } of FOUND) t.same((await replay(options, steps)).findings, [], what)
})

t.test('every message exactly once and in order, or the application is told', async (t) => {
  const first = seeded(t).seed
  const totals: Record<string, number> = {}
  let steps = 0
  for (const seed of [...Array.from({ length: 9 }, (_, i) => i + 1), first]) {
    for (const shape of SHAPES) {
      const { world, findings } = await simulate(seed, shape, STEPS)
      steps += world.steps
      for (const [what, count] of Object.entries(world.counts)) totals[what] = (totals[what] ?? 0) + count
      if (findings.length > 0)
        t.fail(`seed ${seed}, ${JSON.stringify(shape)}`, { findings: findings.slice(0, 10) })
    }
  }
  t.comment(totals)
  t.ok(steps >= 200_000, `${steps} steps`)
  for (const [what, enough] of Object.entries(ENOUGH)) {
    const count = totals[what] ?? 0
    t.ok(count >= enough, `${what}: ${count}`)
  }
})
