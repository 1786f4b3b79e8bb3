/** The worlds that are simulated: from one quiet worker to a few that fail all the time. */
import type { WorldOptions } from './world.ts'

export const SHAPES: readonly WorldOptions[] = [
  { workers: 1, clients: 2, faults: 30, restarts: false, rests: false },
  { workers: 2, clients: 4, faults: 60, restarts: false, rests: true },
  { workers: 3, clients: 6, faults: 40, restarts: true, rests: true },
  { workers: 2, clients: 3, faults: 200, restarts: true, rests: false },
]
