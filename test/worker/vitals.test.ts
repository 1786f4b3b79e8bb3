import { monitorEventLoopDelay } from 'node:perf_hooks'
import t from 'tap'
import { vitalsOf } from '../../lib/worker/vitals.ts'
import { frame, setUp } from '../support/applied.ts'
import { MemoryLink } from '../support/core.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { until } from '../support/until.ts'

t.test('what it says of sessions, of what waits for whom, and of this process', async (t) => {
  const { state, session } = setUp()
  const delays = monitorEventLoopDelay({ resolution: 20 })
  t.match(vitalsOf(state, 4, delays), {
    sessions: 1,
    ended: 0,
    links: 0,
    rawLinks: 4,
    outboxBytes: 0,
    busBytes: 0,
  })
  session.link = new MemoryLink()
  session.outbox.append(frame(10))
  session.outbox.append(frame(20))
  state.peer(1).outbox.append(frame(40))
  const { rssBytes, heapBytes, ...said } = vitalsOf(state, 0, delays)
  t.match(said, { sessions: 1, links: 1, rawLinks: 0, outboxBytes: 30, busBytes: 40 })
  t.ok(rssBytes > heapBytes && heapBytes > 1_000_000)
  session.outbox.acknowledge(2)
  t.equal(vitalsOf(state, 0, delays).outboxBytes, 0)
})

t.test('a loop that was late says so, once', async (t) => {
  const { state } = setUp()
  const delays = monitorEventLoopDelay({ resolution: 20 })
  delays.enable()
  await until(() => delays.count > 0)
  vitalsOf(state, 0, delays)
  // Behind a reset the first interval only begins.
  await until(() => delays.count > 0)
  const end = performance.now() + 150
  while (performance.now() < end);
  await until(() => delays.max > 50e6)
  t.ok(vitalsOf(state, 0, delays).loopDelayMs.max >= 100)
  t.ok(vitalsOf(state, 0, delays).loopDelayMs.max < 100)
  delays.disable()
})

nothingLeft(t)
