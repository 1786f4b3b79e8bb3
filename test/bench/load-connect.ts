/** Clients that come, are welcomed, and go. */
import { pause } from '../support/until.ts'
import { abreast, addressOf } from './crowd.ts'
import { DIALECTS, type Dialect } from './dialects.ts'
import type { Job, Of, Outcome } from './job.ts'
import { Member, type Place } from './member.ts'
import { PollingVisit } from './polling.ts'
import { meter } from './window.ts'

/** One that is not through after so long is lost. */
const PATIENCE_MS = 5000
const WARM = 3000
const SETTLE_MS = 300

export async function connects(job: Job, shape: Of<'connect'>): Promise<Outcome> {
  const visits = new Visits(job, shape.transport)
  await visits.run(WARM)
  const began = performance.now()
  const used = meter(job.pids)
  await visits.run(shape.connects)
  const seconds = (performance.now() - began) / 1000
  // What the last ones left to do belongs to them.
  await pause(SETTLE_MS)
  const { server, generator, others } = used()
  const figures = {
    connect: (server * 1000) / shape.connects,
    connects: shape.connects / seconds,
    lost: visits.lost,
  }
  return { figures, generator, others, faults: visits.faults }
}

export class Visits {
  lost = 0
  readonly #job: Job
  readonly #dialect: Dialect
  readonly #transport: 'websocket' | 'polling'
  #count = 0
  #error: string | null = null

  constructor(job: Job, transport: 'websocket' | 'polling') {
    this.#job = job
    this.#dialect = DIALECTS[job.dialect]
    this.#transport = transport
  }

  /** Lost ones are a figure; a stack that loses more than it serves is not being measured. */
  get faults(): string[] {
    return this.lost * 2 > this.#count ? [`${this.lost} of ${this.#count} were lost: ${this.#error}`] : []
  }

  async run(count: number): Promise<void> {
    await abreast(count, () => this.#visit())
  }

  async #visit(): Promise<void> {
    const i = this.#count++
    const place = {
      port: this.#job.port,
      segment: `v${process.pid}-${i}`,
      from: addressOf(i),
      tls: this.#job.tls,
    }
    const visit =
      this.#transport === 'polling' ? polling(this.#dialect, place) : webSocket(this.#dialect, place)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not within ${PATIENCE_MS} ms`)), PATIENCE_MS)
    })
    try {
      await Promise.race([visit.through, late])
    } catch (error) {
      this.lost += 1
      this.#error ??= (error as Error).message
    } finally {
      clearTimeout(timer)
      visit.destroy()
    }
  }
}

interface Visit {
  readonly through: Promise<void>
  destroy(): void
}

function webSocket(dialect: Dialect, place: Place): Visit {
  const member = new Member(dialect, place)
  const through = async (): Promise<void> => {
    await member.enter()
    await member.leave()
  }
  return { through: through(), destroy: () => member.destroy() }
}

function polling(dialect: Dialect, place: Place): Visit {
  const visit = new PollingVisit(dialect, place)
  return { through: visit.run(), destroy: () => visit.destroy() }
}
