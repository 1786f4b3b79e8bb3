/**
 * The sessions of a worker, driven by links, the application and the clock. Input in, effects out: what changes
 * durable state goes through `turn.record`, what goes to a client leaves at the end of the turn. No sockets, no
 * timers, no randomness: all of these are handed in.
 */
import { checksum } from '../wire/checksum.ts'
import type { Code } from '../wire/codes.ts'
import {
  type AnswerResult,
  type Data,
  type EventBody,
  encodeClose,
  type Frame,
  type Message,
  parseFrame,
} from '../wire/frames.ts'
import { Admission, type AdmissionPorts } from './admission.ts'
import { type EndingPorts, Endings, type Farewell } from './endings.ts'
import type { Link, LinkEvents } from './link.ts'
import { Receipts } from './receipts.ts'
import type { Session, Task } from './session.ts'
import type { WorkerState } from './state.ts'
import { type TaskPorts, Tasks } from './tasks.ts'
import type { Turn } from './turn.ts'

export interface SessionLimits {
  readonly graceMs: number
  readonly helloMs: number
  readonly payloadBytes: number
  readonly outboxBytes: number
  /** Taken from a client and not yet handled; past it the worker stops reading that link. */
  readonly takenBytes: number
}

/** The application's side, made by server.ts. Neither call throws or rejects. */
export interface AppPorts extends AdmissionPorts, EndingPorts, TaskPorts {
  /** A link was ended with a code; for the log. */
  refused(link: Link, code: string, reason: string): void
  /** Makes the session's application half; wires listeners, synchronously. */
  wire(session: Session): void
}

/** Messages waiting for a busy session, whatever their size: each costs a few hundred bytes. */
const QUEUE_MAX = 32_768
/** Messages and answers finished ahead of one that is not. */
const AHEAD_MAX = 16_384
/** Volatile messages waiting for a busy session; more are dropped, as volatile ones may be. */
const VOLATILE_QUEUE_MAX = 64

export class Sessions implements LinkEvents {
  readonly state: WorkerState
  readonly turn: Turn
  readonly limits: SessionLimits
  readonly #app: AppPorts
  readonly #now: () => number
  readonly #admission: Admission
  readonly #tasks: Tasks
  readonly #endings: Endings
  readonly #receipts: Receipts

  constructor(state: WorkerState, turn: Turn, limits: SessionLimits, app: AppPorts, now: () => number) {
    this.state = state
    this.turn = turn
    this.limits = limits
    this.#app = app
    this.#now = now
    this.#tasks = new Tasks(this, app, now)
    this.#endings = new Endings(this, app, now)
    this.#receipts = new Receipts((session) => this.#tasks.acknowledge(session), now)
    this.#admission = new Admission(this, app, now)
  }

  /** Nothing is waiting for the clock. */
  get idle(): boolean {
    return this.#tasks.idle && this.#endings.idle && this.#receipts.idle && this.#admission.idle
  }

  // — links —

  linkOpened(link: Link): void {
    this.#admission.expect(link, 'fresh')
  }

  /** A farewell left the link free: the client may say hello for a new session on it. */
  parted(link: Link): void {
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
    if (message) this.#frame(session, link, data, message)
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
    const at = this.#now()
    this.turn.record({ type: 'suspended', session: session.id, at })
    this.#endings.wait(session, at)
    if (!session.leaving) this.enqueue(session, { kind: 'lifecycle', name: 'suspend' })
  }

  // — frames of an attached link —

  #frame(session: Session, link: Link, data: Data, message: Message): void {
    switch (message.type) {
      case 'event':
      case 'answer':
        return this.#counted(session, link, data, message)
      case 'volatile':
        return this.#volatile(session, link, data, message.event)
      case 'received':
        // More than any link was given: the peer's count lies.
        if (message.count > session.given)
          return this.refuse(link, 'protocol_error', 'received more than was sent')
        // Frames that a former link brought are still due on this one: the client counts them by their place here.
        this.turn.record({
          type: 'received',
          session: session.id,
          count: Math.min(message.count, session.cursor),
        })
        return
      case 'close':
        return this.#leave(session)
      default:
        return this.refuse(link, 'protocol_error', `unexpected ${message.type}`)
    }
  }

  #counted(
    session: Session,
    link: Link,
    data: Data,
    message: Extract<Message, { type: 'event' | 'answer' }>,
  ): void {
    const { crc, size } = checksum(data)
    if (size > this.limits.payloadBytes)
      return this.refuse(link, 'payload_too_large', `more than ${this.limits.payloadBytes} bytes`)
    if ((session.finishedAhead?.size ?? 0) >= AHEAD_MAX)
      return this.refuse(link, 'backlog_full', 'too much is finished behind a message that is not')
    if (message.type === 'answer') {
      // An answer bypasses the queue: a handler may be awaiting it.
      this.#tasks.finished(session, session.inbox.take(crc), crc, size)
      this.#answered(session, message.to, message.result)
      return
    }
    const full = session.takenBytes > 0 && session.takenBytes + size > this.limits.takenBytes
    if (full || session.queue.length >= QUEUE_MAX) {
      // Reading was stopped already and this was on its way; it is not taken, so it will be replayed.
      return this.refuse(link, 'backlog_full', 'too much is taken and not handled')
    }
    const number = session.inbox.take(crc)
    session.takenBytes += size
    this.regulate(session)
    this.enqueue(session, {
      kind: 'message',
      number,
      crc,
      size,
      event: message.event,
      wantsAnswer: message.wantsAnswer,
    })
  }

  /**
   * Stops and starts reading by what is taken and not handled. While a handler waits for an answer reading goes on:
   * the answer stands behind what else the client sent.
   */
  regulate(session: Session): void {
    const { takenBytes } = this.limits
    const awaiting = (session.questions?.size ?? 0) > 0
    // What the client has received stands in the same stream: unread, its outbox could not be freed.
    const owed = session.outbox.bytes > this.limits.outboxBytes / 2
    const long = session.queue.length > (session.reading ? QUEUE_MAX / 2 : QUEUE_MAX / 4)
    const reading =
      awaiting || owed || (!long && session.takenBytes <= (session.reading ? takenBytes / 2 : takenBytes / 4))
    if (reading === session.reading) return
    session.reading = reading
    session.link?.setReading(reading)
  }

  /** Dropped where it would have to wait behind many, or take the place of counted ones. */
  #volatile(session: Session, link: Link, data: Data, event: EventBody): void {
    const { size } = checksum(data)
    if (size > this.limits.payloadBytes)
      return this.refuse(link, 'payload_too_large', `more than ${this.limits.payloadBytes} bytes`)
    const full = session.takenBytes > 0 && session.takenBytes + size > this.limits.takenBytes / 2
    if (full || session.queue.length >= VOLATILE_QUEUE_MAX) return
    session.takenBytes += size
    this.enqueue(session, { kind: 'volatile', event, size })
  }

  #answered(session: Session, to: number, result: AnswerResult): void {
    const question = session.questions?.get(to)
    // A question of a process that died: the late answer is counted and dropped.
    if (!question) return
    session.questions?.delete(to)
    if (result.ok) question.resolve(result.value)
    else question.reject(result.code, result.message)
  }

  #leave(session: Session): void {
    session.leaving = true
    const link = this.fence(session)
    link?.close()
    this.#suspend(session)
    this.enqueue(session, { kind: 'leave' })
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

  // — ends —

  /**
   * @param says what a client that comes back is told: `gone` begins a new session, `close` does not, `forget`
   *   leaves no memory of it
   */
  end(session: Session, code: Code | (string & {}), reason: string, says: Farewell): void {
    this.#endings.end(session, code, reason, says)
  }

  /** The server stops: every link is told to come back later. */
  shutDown(): void {
    for (const session of this.state.sessions.values()) {
      const link = this.fence(session)
      link?.send([encodeClose('shutting_down', 'the server is stopping')])
      link?.close()
    }
    this.#admission.shutDown()
  }

  // — the clock —

  tick(): void {
    const now = this.#now()
    this.#admission.tick(now)
    this.#tasks.tick(now)
    this.#endings.tick(now)
    this.#receipts.tick(now)
  }
}
