/** What the primary runs once, before any worker, where the journal is of another number of workers. */
import { runDealing } from './worker/deal-journals.ts'

runDealing()
