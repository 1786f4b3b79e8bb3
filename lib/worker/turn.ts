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
import { Pace } from './pace.ts'
import type { StateRecord } from './record.ts'
import type { Session } from './session.ts'
import type { WorkerState } from './state.ts'

/** A timer cannot wait for less. */
const REST_MS_MIN = 1

export interface TurnPorts {
  readonly journal: Journal
  readonly bus: Pick<Bus, 'flush' | 'received'>
  /** Runs the end of a turn in the check phase, behind the poll phase's callbacks and their microtasks. */
  defer(end: () => void): void
  /** Of a clock that never goes back, ms. */
  clock(): number
  /** Runs a commit whose flush rests, after so many ms. */
  later(commit: () => void, ms: number): void
  /** Ends a session whose outbox was full, with records of its own. */
  overflowed(session: Session): void
  /** `gone` is out and the link is free for another hello. */
  parted(link: Link): void
  /** It waits to hear how much is handled, and something is to leave on its link. */
  owed(session: Session): void
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
  readonly #pace = new Pace()
  /** A flush is to come. */
  #rests = false
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
    this.#ports.defer(() => this.#end())
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

  /** Writes what there is, and all of it leaves. */
  commit(): void {
    if (this.#closed) return
    this.#write()
    this.flush()
    this.#goOn()
  }

  /** Writes what there is; what is for links may rest. */
  #end(): void {
    const ms = this.#pace.rest(this.#ports.clock())
    if (ms < REST_MS_MIN) return this.commit()
    if (this.#closed) return
    this.#write()
    if (!this.#rests) {
      this.#rests = true
      // More may be recorded by then, and is written first.
      this.#ports.later(() => this.commit(), ms)
    }
    this.#goOn()
  }

  #goOn(): void {
    const behind = this.#behind
    this.#behind = []
    for (const call of behind) call()
  }

  /** … and what of it is for other workers leaves. */
  #write(): void {
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
    // Ahead of the links: other workers have theirs to serve.
    this.#ports.bus.flush()
  }

  /** What is for links leaves: only right behind the write. */
  flush(): void {
    this.#rests = false
    const state = this.#state
    const { dirty } = state
    state.dirty = []
    state.root = new Bundle(null, null)
    const began = this.#ports.clock()
    let [frames, writes] = [0, 0]
    for (const session of dirty) {
      const { cursor } = session
      try {
        this.#flushSession(session)
      } catch (error) {
        this.#ports.broke(session, error)
      }
      if (session.cursor > cursor) {
        frames += session.cursor - cursor
        writes += 1
      }
    }
    this.#pace.flushed(began, this.#ports.clock(), frames, writes)
  }

  #flushSession(session: Session): void {
    if (!session.reading) this.#ports.regulate(session)
    if (session.acknowledgeQueued) this.#ports.owed(session)
    const link = flushSession(session)
    if (link) this.#ports.parted(link)
    else if (session.link?.transport === 'polling' && session.outbox.base < session.cursor)
      this.#ports.polled(session)
  }
}
