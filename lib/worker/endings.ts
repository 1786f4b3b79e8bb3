/** How sessions end: by their grace, by the client, by the server; and what is remembered of them. */
import { type Code, LimpetError } from '../wire/codes.ts'
import { encodeClose, encodeGone } from '../wire/frames.ts'
import { Deadlines } from './deadlines.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import { Suspended } from './suspended.ts'

/** What a client that comes back is told: `gone` begins a new session, `close` does not, `forget`: nothing is kept. */
export type Farewell = 'gone' | 'close' | 'forget'

export interface EndingPorts {
  /** For the log. */
  ended(session: Session, code: string): void
}

/** A session without any counted frame or room has nothing to lose: it waits this long only. */
const EMPTY_GRACE_MS = 10_000
/** Dead sessions are remembered this many graces. */
const TOMBSTONE_GRACES = 10
const TOMBSTONES_MAX = 10_000
/** A client that does not take the end of its session is cut off after this. */
const PARTING_MS = 5000

/** A session suspended at `since`. */
interface Wait {
  readonly session: Session
  readonly since: number
}

export class Endings {
  readonly #sessions: Sessions
  readonly #ports: EndingPorts
  readonly #now: () => number
  readonly #graces = new Deadlines<Wait>()
  readonly #tombs = new Deadlines<string>()
  readonly #partings = new Deadlines<Session>()
  readonly #suspended: Suspended

  constructor(sessions: Sessions, ports: EndingPorts, now: () => number) {
    this.#sessions = sessions
    this.#ports = ports
    this.#now = now
    this.#suspended = new Suspended(sessions.limits)
  }

  /** Nobody is waited for, nothing is remembered. */
  get idle(): boolean {
    return this.#graces.empty && this.#tombs.empty && this.#partings.empty
  }

  /** The session was suspended at `since`: its grace begins. */
  wait(session: Session, since: number): void {
    this.#graces.set({ session, since }, since + this.graceOf(session))
    const gives = this.#suspended.add(session)
    if (gives) this.end(gives, 'evicted', 'too many sessions wait for their clients', 'gone')
  }

  /** A link carries it again. */
  back(session: Session): void {
    this.#suspended.delete(session)
  }

  graceOf(session: Session): number {
    const empty = session.outbox.end === 0 && session.inbox.count === 0 && !session.rooms?.size
    return empty ? Math.min(EMPTY_GRACE_MS, this.#sessions.limits.graceMs) : this.#sessions.limits.graceMs
  }

  end(session: Session, code: Code | (string & {}), reason: string, says: Farewell): void {
    if (session.closed) return
    this.#suspended.delete(session)
    this.#sessions.leaveRooms(session)
    const { handled } = session
    const taken = session.reached
    const until = says === 'forget' ? 0 : this.#now() + TOMBSTONE_GRACES * this.#sessions.limits.graceMs
    this.#sessions.turn.record({
      type: 'closed',
      session: session.id,
      code,
      reason,
      says: says === 'gone' ? 'gone' : 'close',
      taken,
      tombstoneUntil: until,
    })
    if (until > 0) this.#bury(session.keyHash, until)
    this.#ports.ended(session, code)
    if (session.link) {
      session.farewell =
        says === 'gone'
          ? { frame: encodeGone({ code, handled, taken }), keepLink: true }
          : { frame: encodeClose(code, reason), keepLink: false }
      // What a client that starts anew has not received yet is of no use to it; nor is what stands behind a gap.
      if (says === 'gone' || session.overflowed) {
        session.cursor = session.outbox.end
        session.bundle = null
        session.outbox.drop()
      }
      this.#partings.set(session, this.#now() + PARTING_MS)
      this.#sessions.state.touch(session)
    } else session.outbox.drop()
    for (const question of session.questions?.values() ?? []) question.reject('unknown')
    session.questions = null
    for (const join of session.joins?.values() ?? []) join.reject(new LimpetError('session_closed'))
    session.joins = null
    session.queue.clear()
    this.#sessions.enqueue(session, { kind: 'lifecycle', name: 'close' })
  }

  /** Tombstones that a journal brought back. */
  remember(tombstones: ReadonlyMap<string, { readonly until: number }>): void {
    for (const [keyHash, { until }] of tombstones) this.#tombs.set(keyHash, until)
  }

  #bury(keyHash: string, until: number): void {
    this.#tombs.set(keyHash, until)
    if (this.#sessions.state.tombstones.size <= TOMBSTONES_MAX) return
    const [oldest] = this.#sessions.state.tombstones.keys()
    this.#sessions.turn.record({ type: 'forgotten', keyHash: oldest! })
  }

  tick(now: number): void {
    this.#partings.expire(now, (session) => {
      // It does not read: its farewell will not leave any more.
      this.#sessions.fence(session)?.terminate()
      session.farewell = null
      session.outbox.drop()
    })
    this.#graces.expire(now, (wait) => {
      const { session, since } = wait
      if (session.phase.kind !== 'suspended' || session.phase.since !== since) return
      // It got something to lose while it waited.
      const until = since + this.graceOf(session)
      if (until > now) return this.#graces.set(wait, until)
      if (session.leaving)
        return this.end(session, 'closed_by_client', 'the client closed the session', 'forget')
      this.end(session, 'session_expired', 'the client did not come back in time', 'gone')
    })
    this.#tombs.expire(now, (keyHash) => {
      if ((this.#sessions.state.tombstones.get(keyHash)?.until ?? Number.POSITIVE_INFINITY) > now) return
      this.#sessions.turn.record({ type: 'forgotten', keyHash })
    })
  }
}
