/** Rolling reload: the workers replaced one by one, each by a process that has loaded the application before. */
import type { Fleet } from './fleet.ts'

/** How long the application may take to load. */
const LOAD_MS = 30_000

/** Resolves with null when the last worker is replaced, or with one sentence: then the rest goes on as it was. */
export async function reload(fleet: Fleet, workers: number): Promise<string | null> {
  for (let slot = 0; slot < workers; slot++) {
    const reason = await replace(fleet, slot)
    fleet.settle()
    if (reason !== null) return `worker ${slot} was not replaced: ${reason}`
  }
  return null
}

function replace(fleet: Fleet, slot: number): Promise<string | null> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(`the application did not load within ${LOAD_MS} ms`), LOAD_MS)
    fleet.prepare(slot, (step, reason) => {
      clearTimeout(late)
      // Behind the cut the fleet starts processes until one is ready, as after any death.
      if (step === 'loaded') fleet.cut()
      else resolve(step === 'ready' ? null : reason)
    })
  })
}
