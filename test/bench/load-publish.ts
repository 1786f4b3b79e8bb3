/** Messages to rooms: at a steady pace, or as fast as they come back. */
import { pause } from '../support/until.ts'
import { type Crowd, WARM_DELIVERIES } from './crowd.ts'
import type { Job, Of, Outcome } from './job.ts'
import { readProbes } from './probe.ts'
import { openWindow } from './window.ts'

const SETTLE_MS = 500

export async function publish(job: Job, crowd: Crowd, shape: Of<'publish'>): Promise<Outcome> {
  const { members, rooms, joins, rate } = shape
  await crowd.gather(members, rooms, joins)
  let message = 0
  const next = (): void => {
    crowd.say(message % members, joins === 'all' ? message % rooms : undefined)
    message += 1
  }
  // Where little is said, code would be measured that no compiler has seen yet.
  const each = joins === 'all' ? members : members / rooms
  const warming = pace(Math.max(rate, (WARM_DELIVERIES / each / job.warmMs) * 1000), next)
  await crowd.warm()
  warming.stop()
  await crowd.drain()
  const pacer = pace(rate, next)
  await pause(SETTLE_MS)
  if (job.probe !== null) return countItems(job, crowd, job.probe, pacer)
  const close = openWindow(job, crowd)
  await pause(job.windowMs)
  const measured = close()
  pacer.stop()
  await crowd.check()
  return { ...measured, faults: crowd.faults }
}

interface Pacer {
  stop(): void
}

/** What is due leaves, however late the timer was: the load does not shrink where the machine is busy. */
function pace(rate: number, send: () => void): Pacer {
  const began = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - began) * rate) / 1000
    for (; sent < due; sent++) send()
  }, 1)
  return { stop: () => clearInterval(timer) }
}

async function countItems(job: Job, crowd: Crowd, probe: string, pacer: Pacer): Promise<Outcome> {
  const before = sum(await readProbes(probe, job.pids))
  const saidBefore = crowd.said
  await pause(job.windowMs)
  pacer.stop()
  await crowd.check()
  const said = crowd.said - saidBefore
  const items = sum(await readProbes(probe, job.pids)) - before
  return { figures: { bus: items / said }, generator: 0, others: 0, faults: crowd.faults }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}

export async function saturate(job: Job, crowd: Crowd, shape: Of<'saturate'>): Promise<Outcome> {
  const { members, publishers } = shape
  await crowd.gather(members, 1)
  let over = false
  // Not those that are sampled already, and spread over all workers.
  const stride = Math.floor(members / publishers)
  for (let p = 0; p < publishers; p++) {
    const i = p * stride + (p % 2)
    crowd.sample(i, () => {
      if (!over) crowd.say(i)
    })
    crowd.say(i)
  }
  await crowd.warm()
  const close = openWindow(job, crowd)
  await pause(job.windowMs)
  const measured = close()
  over = true
  await crowd.check()
  return { ...measured, faults: crowd.faults }
}
