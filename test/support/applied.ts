/** A state with one session `s`, made by records as any other. */
import { Frame } from '../../lib/wire/frames.ts'
import { apply } from '../../lib/worker/apply.ts'
import type { Session } from '../../lib/worker/session.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS } from './core.ts'

/** Of exactly `size` bytes. */
export const frame = (size = 10): Frame => new Frame('e'.padEnd(size, 'x'))

export const setUp = (limits: Partial<typeof LIMITS> = {}): { state: WorkerState; session: Session } => {
  const state = new WorkerState(0, { ...LIMITS, ...limits })
  apply(state, {
    type: 'opened',
    session: 's',
    keyHash: 'hash',
    segment: 'seg',
    address: 'addr',
    data: { a: 1 },
  })
  return { state, session: state.sessions.get('s')! }
}
