/** A process of its own that plays all clients of one run: told a job by the bench, it answers with what was measured. */
import { pause } from '../support/until.ts'
import { Crowd } from './crowd.ts'
import { DIALECTS } from './dialects.ts'
import type { Job, Outcome } from './job.ts'
import { connects } from './load-connect.ts'
import { echo } from './load-echo.ts'
import { idle, leak } from './load-memory.ts'
import { publish, saturate } from './load-publish.ts'

function run(job: Job, crowd: Crowd): Promise<Outcome> {
  const { shape } = job
  switch (shape.kind) {
    case 'publish':
      return publish(job, crowd, shape)
    case 'saturate':
      return saturate(job, crowd, shape)
    case 'echo':
      return echo(job, crowd, shape)
    case 'idle':
      return idle(job, crowd, shape)
    case 'connect':
      return connects(job, shape)
    case 'leak':
      return leak(job, shape)
  }
}

// The bench has ended: nobody waits for an answer.
process.on('disconnect', () => process.exit(1))
process.once('message', async (job: Job) => {
  const crowd = new Crowd(job, DIALECTS[job.dialect])
  try {
    process.send!(await run(job, crowd))
  } catch (error) {
    const faults = [error instanceof Error ? error.message : String(error)]
    process.send!({ figures: {}, generator: 0, others: 0, faults } satisfies Outcome)
  }
  crowd.close()
  await pause(50)
  process.exit(0)
})
