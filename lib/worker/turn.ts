/**
 * The rule of output commit: all that happens in one turn of the event loop is one batch of records; the batch is
 * written to the journal, then what it caused leaves: frames to links, items to the bus.
 */
import type { Bus } from '../bus/bus.ts'
import { apply } from './apply.ts'
import { Bundle } from './bundle.ts'
import { flushSession } from './flush.ts'
import type { Journal } from './journal.ts'
import type { Link } from './link.ts'
import type { StateRecord } from './record.ts'
import type { Session } from './session.ts'
import type { WorkerState } from './state.ts'

export interface TurnPorts {
  readonly journal: Journal
  readonly bus: Pick<Bus, 'flush' | 'received'>
  /** Runs the commit in the check phase, behind the poll phase's callbacks and their microtasks. */
  defer(commit: () => void): void
  /** Ends a session whose outbox was full, with records of its own. */
  overflowed(session: Session): void
  /** `gone` is out and the link is free for another hello. */
  parted(link: Link): void
  /** Its link is not read, and something is to leave on it. */
  regulate(session: Session): void
  /** A turn that cannot be applied or written: a bug. Nothing of it has left, so the process has to end with it. */
  lost(error: unknown): never
  /** A link that failed while it was written to: a bug, but nobody else's. */
  broke(session: Session, error: unknown): void
  /** Counted frames are under way on polling, which may skip them. */
  polled(session: Session): void
}

export class Turn {
  readonly #state: WorkerState
  readonly #ports: TurnPorts
  readonly #heardFrom = new Set<number>()
  #records: StateRecord[] = []
  #afterwards: (() => void)[] = []
  #behind: (() => void)[] = []
  #due = false
  #closed = false

  constructor(state: WorkerState, ports: TurnPorts) {
    this.#state = state
    this.#ports = ports
  }

  record(record: StateRecord): void {
    try {
      apply(this.#state, record)
    } catch (error) {
      this.#ports.lost(error)
    }
    this.#records.push(record)
    if (record.type === 'itemTaken') this.#heardFrom.add(record.from)
    this.wake()
  }

  /** Something is to leave that needs no record: a welcome, a count, frames a link was not ready for. */
  wake(): void {
    if (this.#due || this.#closed) return
    this.#due = true
    this.#ports.defer(() => this.commit())
  }

  /** The last batch is written: what is still done in this process is done by the next one again. */
  close(): void {
    this.#closed = true
    this.#records = []
  }

  /** An input of its own that waits for the write: runs when all of this turn has left. */
  behind(call: () => void): void {
    this.#behind.push(call)
    this.wake()
  }

  /** For what waits for the write and is no frame of a session's stream. `call` may not record anything itself. */
  afterwards(call: () => void): void {
    this.#afterwards.push(call)
    this.wake()
  }

  commit(): void {
    if (this.#closed) return
    const state = this.#state
    while (state.overflowed.length > 0) {
      const sessions = state.overflowed
      state.overflowed = []
      for (const session of sessions) this.#ports.overflowed(session)
    }
    this.#due = false
    if (this.#records.length > 0) {
      const records = this.#records
      this.#records = []
      try {
        this.#ports.journal.write(records)
      } catch (error) {
        this.#ports.lost(error)
      }
    }
    const afterwards = this.#afterwards
    this.#afterwards = []
    for (const call of afterwards) call()
    for (const from of this.#heardFrom) this.#ports.bus.received(from, state.received(from))
    this.#heardFrom.clear()
    const dirty = state.dirty
    state.dirty = []
    state.root = new Bundle(null, null)
    for (const session of dirty) {
      try {
        this.#flush(session)
      } catch (error) {
        this.#ports.broke(session, error)
      }
    }
    this.#ports.bus.flush()
    const behind = this.#behind
    this.#behind = []
    for (const call of behind) call()
  }

  #flush(session: Session): void {
    if (!session.reading) this.#ports.regulate(session)
    const link = flushSession(session)
    if (link) this.#ports.parted(link)
    else if (session.link?.transport === 'polling' && session.outbox.base < session.cursor)
      this.#ports.polled(session)
  }
}
