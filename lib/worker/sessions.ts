import type { Code } from '../wire/codes.ts'
import { type Data, encodeClose, encodeNumber, type Frame, parseFrame } from '../wire/frames.ts'
import { Admission, type AdmissionPorts } from './admission.ts'
import { type EndingPorts, Endings, type Farewell } from './endings.ts'
import { Intake } from './intake.ts'
import type { Link, LinkEvents } from './link.ts'
import { Receipts } from './receipts.ts'
import { Returns } from './returns.ts'
import type { Session, Task } from './session.ts'
import type { SessionLimits } from './session-limits.ts'
import type { WorkerState } from './state.ts'
import { type TaskPorts, Tasks } from './tasks.ts'
import type { Turn } from './turn.ts'

/** The application's side, made by server.ts. Neither call throws or rejects. */
export interface AppPorts extends AdmissionPorts, EndingPorts, TaskPorts {
  /** A link was ended with a code; for the log. */
  refused(link: Link, code: string, reason: string): void
  /** Makes the session's application half; wires listeners, synchronously. */
  wire(session: Session): void
}

export class Sessions implements LinkEvents {
  readonly state: WorkerState
  readonly turn: Turn
  readonly limits: SessionLimits
  /** What a session that ends does in its rooms: set by `Rooms`. */
  leaveRooms: (session: Session) => void = () => {}
  readonly #app: AppPorts
  readonly #now: () => number
  readonly #admission: Admission
  readonly #tasks: Tasks
  readonly #endings: Endings
  readonly #receipts: Receipts
  readonly #intake: Intake

  constructor(state: WorkerState, turn: Turn, limits: SessionLimits, app: AppPorts, now: () => number) {
    this.state = state
    this.turn = turn
    this.limits = limits
    this.#app = app
    this.#now = now
    this.#tasks = new Tasks(this, app, now)
    this.#intake = new Intake(this, this.#tasks, now)
    this.#endings = new Endings(this, app, now)
    this.#receipts = new Receipts((session) => this.#tasks.acknowledge(session), now)
    this.#admission = new Admission(this, app, now)
  }

  /** For what a record says of the time. */
  now(): number {
    return this.#now()
  }

  /** Random, for what a record gives a name. */
  newId(): string {
    return this.#app.newId()
  }

  /** Nothing is waiting for the clock. */
  get idle(): boolean {
    return [this.#tasks, this.#intake, this.#endings, this.#receipts, this.#admission].every(
      ({ idle }) => idle,
    )
  }

  // — links —

  linkOpened(link: Link): void {
    this.#admission.expect(link, 'fresh')
  }

  /** A farewell left the link free: the client may say hello for a new session on it. */
  parted(link: Link): void {
    // Its session may have stopped reading it, and the next hello is wanted.
    link.setReading(true)
    this.#admission.expect(link, 'parted')
  }

  /** Counted frames were given to a polling link. */
  polled(session: Session): void {
    this.#receipts.expect(session)
  }

  linkFrame(link: Link, data: Data): void {
    const { session } = link
    if (!session) return this.#admission.frame(link, data)
    // Its end is on the way to the client, with the count of what was taken.
    if (session.closed) return
    const message = parseFrame(data, 'client')
    if (message) this.#intake.take(session, link, data, message)
    else this.refuse(link, 'protocol_error', 'malformed frame')
  }

  linkWritable(link: Link): void {
    const { session } = link
    if (!session || (session.cursor === session.outbox.end && !session.before && !session.farewell)) return
    this.state.touch(session)
    this.turn.wake()
  }

  linkClosed(link: Link, _reason: string): void {
    this.#admission.forget(link)
    const { session } = link
    if (session) this.#suspend(session)
  }

  /** Ends a link with a code; its session, if any, waits for the next one. */
  refuse(link: Link, code: string, reason: string, instance?: string): void {
    this.#admission.forget(link)
    const { session } = link
    if (session) this.#suspend(session)
    link.send([encodeClose(code, reason, instance)])
    link.close()
    this.#app.refused(link, code, reason)
  }

  /** This hello is not taken now: the client comes again when it is told. A session that waits for it waits anew. */
  putOff(link: Link, afterMs: number, session: Session | null = null): void {
    this.#admission.forget(link)
    link.send([encodeNumber('retry', afterMs)])
    link.close()
    this.#app.refused(link, 'retry', `in ${afterMs} ms`)
    if (session?.phase.kind === 'suspended') this.#await(session)
  }

  graceOf(session: Session): number {
    return this.#endings.graceOf(session)
  }

  /** Takes the link from its session without a trace in the session. */
  fence(session: Session): Link | null {
    const { link } = session
    if (!link) return null
    session.link = null
    session.cursor = -1
    session.bundle = null
    session.before = null
    session.after = null
    link.session = null
    return link
  }

  #suspend(session: Session): void {
    this.fence(session)
    if (session.closed) return
    this.#await(session)
    if (!session.leaving) this.enqueue(session, { kind: 'lifecycle', name: 'suspend' })
  }

  #await(session: Session): void {
    const at = this.#now()
    this.turn.record({ type: 'suspended', session: session.id, at })
    this.#endings.wait(session, at)
  }

  /** A link carries it again. */
  resumed(session: Session): void {
    this.#endings.back(session)
  }

  /** The client said close: what it sent before is still handled. */
  leave(session: Session): void {
    session.leaving = true
    const link = this.fence(session)
    link?.close()
    this.#suspend(session)
    this.enqueue(session, { kind: 'leave' })
  }

  /** A count may leave along with what leaves now. */
  owed(session: Session): void {
    this.#tasks.acknowledgeAlong(session)
  }

  /** Stops and starts reading its link by what is taken and not handled. */
  regulate(session: Session): void {
    this.#intake.regulate(session)
  }

  // — what the application does —

  enqueue(session: Session, task: Task): void {
    this.#tasks.enqueue(session, task)
  }

  /** A counted frame for one session. */
  send(session: Session, frame: Frame): void {
    this.turn.record({ type: 'sent', session: session.id, frame })
  }

  /** Leaves with this turn or never. */
  sendVolatile(session: Session, data: Data | Frame): void {
    if (!session.link?.writable) return
    session.after ??= []
    session.after.push(data)
    this.state.touch(session)
    this.turn.wake()
  }

  /** Sessions that a journal brought back wait for their clients. Effects of `open` and `suspend` are possible by now. */
  recover(): void {
    for (const session of [...this.state.sessions.values()]) {
      session.restored = true
      session.recovered = true
      session.inbox.begin(session.handled, session.handledCheck)
      // Whatever was in the outbox may have been given to a link.
      session.given = session.outbox.end
      this.#app.wire(session)
      if (!session.opened) this.enqueue(session, { kind: 'lifecycle', name: 'open' })
      if (session.phase.kind === 'suspended') this.#endings.wait(session, session.phase.since)
      else this.#suspend(session)
    }
    this.#endings.remember(this.state.tombstones)
  }

  // — ends —

  /**
   * @param says what a client that comes back is told: `gone` begins a new session, `close` does not, `forget`
   *   leaves no memory of it
   */
  end(session: Session, code: Code | (string & {}), reason: string, says: Farewell): void {
    this.#endings.end(session, code, reason, says)
  }

  /** Counts that were to wait leave with this turn: what is known to be handled is not sent again. */
  tellHandled(): void {
    for (const session of this.state.sessions.values()) if (session.link) this.#tasks.acknowledge(session)
  }

  /** The process ends in order: handlers that still run have not taken it down. */
  spare(): void {
    for (const { id, attempts } of this.state.sessions.values())
      if (attempts) this.turn.record({ type: 'spared', session: id })
  }

  /** Every link is told to come back: each at a moment of its own where the next process is about to follow. */
  shutDown(why: 'drain' | 'stop'): void {
    const returns = new Returns(this.limits.hellosPerSecond)
    for (const session of this.state.sessions.values()) {
      const link = this.fence(session)
      if (!link) continue
      link.send([
        why === 'drain'
          ? encodeNumber('drain', returns.next())
          : encodeClose('shutting_down', 'the server is stopping'),
      ])
      link.close()
    }
    this.#admission.shutDown(why === 'drain' ? 'draining' : 'shutting_down')
  }

  // — the clock —

  tick(): void {
    const now = this.#now()
    this.#admission.tick(now)
    this.#tasks.tick(now)
    this.#intake.tick(now)
    this.#endings.tick(now)
    this.#receipts.tick(now)
  }
}
