import t from 'tap'
import { Heartbeats, type Pulse } from '../../lib/worker/heartbeats.ts'

const [INTERVAL, TIMEOUT] = [1000, 400]
/** How late a ping or an end may be, ms. */
const LATE = 50

class Beating implements Pulse {
  due = 0
  awaitsPong = false
  readonly pings: number[] = []
  lostAt: number | null = null
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  ping(): void {
    this.pings.push(this.#now())
  }

  lost(): void {
    this.lostAt = this.#now()
  }
}

class Rig {
  now = 5000
  readonly beats: Heartbeats
  readonly pulse = new Beating(() => this.now)

  constructor(interval = INTERVAL, timeout = TIMEOUT) {
    this.beats = new Heartbeats(interval, timeout)
    this.beats.begin(this.pulse, this.now)
  }

  pass(ms: number): this {
    for (const until = this.now + ms; this.now < until; ) {
      this.now += 10
      this.beats.tick(this.now)
    }
    return this
  }
}

const near = (at: number, wanted: number): boolean => at >= wanted && at <= wanted + LATE

t.test('a ping each interval, counted from the pong', async (t) => {
  for (const [interval, timeout] of [
    [1000, 400],
    [300, 1500],
  ] as const) {
    const rig = new Rig(interval, timeout)
    let from = rig.now
    for (let n = 0; n < 5; n++) {
      rig.pass(interval + LATE)
      t.equal(rig.pulse.pings.length, n + 1)
      t.ok(near(rig.pulse.pings[n]!, from + interval), `${rig.pulse.pings[n]} after ${from}`)
      rig.pass(30).beats.pong(rig.pulse, rig.now)
      from = rig.now
    }
    t.equal(rig.pulse.lostAt, null)
  }
})

t.test('no pong in time ends it, once', async (t) => {
  const rig = new Rig().pass(3000)
  t.equal(rig.pulse.pings.length, 1)
  t.ok(near(rig.pulse.lostAt!, rig.pulse.pings[0]! + TIMEOUT))
  rig.pulse.lostAt = null
  rig.pass(5000)
  t.same([rig.pulse.pings.length, rig.pulse.lostAt], [1, null])
})

t.test('what else comes puts the end off, and is no pong', async (t) => {
  const rig = new Rig().pass(INTERVAL + LATE)
  for (let n = 0; n < 10; n++) {
    rig.pass(TIMEOUT / 2)
    rig.beats.heard(rig.pulse, rig.now)
  }
  t.same([rig.pulse.lostAt, rig.pulse.pings.length], [null, 1])
  const last = rig.now
  rig.pass(2 * TIMEOUT)
  t.ok(near(rig.pulse.lostAt!, last + TIMEOUT))
})

t.test('a pong that nobody asked for, and what comes between pings, change nothing', async (t) => {
  const rig = new Rig()
  const began = rig.now
  rig.pass(INTERVAL / 2)
  rig.beats.pong(rig.pulse, rig.now)
  rig.beats.heard(rig.pulse, rig.now)
  rig.pass(INTERVAL)
  t.ok(near(rig.pulse.pings[0]!, began + INTERVAL))
})

t.test('one that has ended is not looked at again, whatever it was waiting for', async (t) => {
  const rig = new Rig()
  rig.beats.end(rig.pulse)
  rig.pass(5000)
  t.same([rig.pulse.pings, rig.pulse.lostAt], [[], null])
  const asked = new Rig().pass(INTERVAL + LATE)
  asked.beats.end(asked.pulse)
  asked.beats.pong(asked.pulse, asked.now)
  asked.pass(5000)
  t.same([asked.pulse.pings.length, asked.pulse.lostAt], [1, null])
})

t.test('each of many at its own time, also where some end while others are looked at', async (t) => {
  let now = 0
  const beats = new Heartbeats(INTERVAL, TIMEOUT)
  const pulses = Array.from({ length: 20 }, () => new Beating(() => now))
  for (const [i, pulse] of pulses.entries()) {
    now = i * 30
    beats.begin(pulse, now)
    // The one behind it ends with its ping.
    if (i % 5 === 4) pulse.ping = () => beats.end(pulses[i + 1] ?? pulse)
  }
  for (; now < 4000; now += 10) beats.tick(now)
  for (const [i, pulse] of pulses.entries()) {
    const silenced = i % 5 === 4 || (i > 0 && i % 5 === 0)
    const began = i * 30
    if (!silenced) t.ok(near(pulse.pings[0]!, began + INTERVAL), `${i}: ${pulse.pings}`)
    if (i > 0 && i % 5 === 0) t.same([pulse.pings, pulse.lostAt], [[], null], `${i} has ended`)
    else if (i !== 19) t.ok(near(pulse.lostAt!, began + INTERVAL + TIMEOUT), `${i}: ${pulse.lostAt}`)
  }
})
