import t from 'tap'
import { StateClock } from '../../lib/worker/state-clock.ts'

t.test('whole ms, beginning at the wall clock', async (t) => {
  const clock = new StateClock()
  t.ok(Number.isInteger(clock.now()))
  t.ok(Math.abs(clock.now() - Date.now()) < 50)
})

t.test('goes on while the process is dead', async (t) => {
  const began = performance.now()
  const moment = new StateClock().moment()
  const cases = [
    {
      name: 'same boot',
      since: { ...moment, time: 1000, monotonic: moment.monotonic - 5000 },
      last: 2000,
      now: 6000,
    },
    {
      name: 'the wall clock was set meanwhile',
      since: { ...moment, time: 1000, monotonic: moment.monotonic - 5000, wall: 0 },
      last: 2000,
      now: 6000,
    },
    {
      name: 'another boot',
      since: { ...moment, time: 1000, boot: 'other', wall: moment.wall - 7000 },
      last: 2000,
      now: 8000,
    },
    {
      name: 'another boot, and a wall clock that is behind',
      since: { ...moment, time: 1000, boot: 'other', wall: moment.wall + 90_000 },
      last: 2000,
      now: 2000,
    },
    {
      name: 'no boot is known',
      since: { ...moment, time: 1000, boot: '', wall: moment.wall - 7000 },
      last: 2000,
      now: 8000,
    },
  ]
  for (const { name, since, last, now } of cases) {
    const clock = new StateClock()
    clock.goOn(since, last)
    const late = clock.now() - now
    t.ok(late >= -1 && late < performance.now() - began + 5, `${name}: ${late} ms from ${now}`)
  }
})
