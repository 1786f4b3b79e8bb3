/** Memory of the server, without its garbage: of idle sessions, and of those that have gone. */
import { pause } from '../support/until.ts'
import type { Crowd } from './crowd.ts'
import type { Job, Of, Outcome } from './job.ts'
import { Visits } from './load-connect.ts'
import { readProbes } from './probe.ts'
import { pssOf } from './usage.ts'

/** What a server needs once, whoever comes. */
const WARM = 300
/** What a server holds of a client that has gone, in case something of it is still to come, is no leak. */
const PASSING_MS = 12_000

export async function idle(job: Job, crowd: Crowd, { sessions }: Of<'idle'>): Promise<Outcome> {
  await new Visits(job, 'websocket').run(WARM)
  const before = await clean(job)
  await crowd.connect(sessions)
  await pause(500)
  const after = await clean(job)
  crowd.checkConnected()
  const figures = { idle: (after - before) / sessions, memory: after / 1024 }
  return { figures, generator: 0, others: 0, faults: crowd.faults }
}

export async function leak(job: Job, { connects }: Of<'leak'>): Promise<Outcome> {
  const visits = new Visits(job, 'websocket')
  const first = Math.round(connects / 3)
  await visits.run(first)
  await pause(PASSING_MS)
  const level = await clean(job)
  await visits.run(connects - first)
  await pause(PASSING_MS)
  const growth = (await clean(job)) - level
  const figures = { level: level / 1024, growth: growth / 1024, lost: visits.lost }
  return { figures, generator: 0, others: 0, faults: visits.faults }
}

/** kB */
async function clean(job: Job): Promise<number> {
  if (job.probe === null) throw new Error('memory is measured with a probe')
  await readProbes(job.probe, job.pids)
  await pause(100)
  return pssOf(job.pids)
}
