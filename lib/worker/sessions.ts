/**
 * The sessions of a worker, driven by links, the application and the clock. Input in, effects out: what changes
 * durable state goes through `turn.record`, what goes to a client leaves at the end of the turn. No sockets, no
 * timers, no randomness: all of these are handed in.
 */
import { checksum } from '../wire/checksum.ts'
import { type Code, LimpetError } from '../wire/codes.ts'
import {
  type AnswerResult,
  type Data,
  type EventBody,
  encodeAnswer,
  encodeClose,
  encodeGone,
  encodeNumber,
  Frame,
  type Message,
  parseFrame,
} from '../wire/frames.ts'
import { Admission, type AdmissionPorts } from './admission.ts'
import { Deadlines } from './deadlines.ts'
import type { Link, LinkEvents } from './link.ts'
import type { Session, Task } from './session.ts'
import type { WorkerState } from './state.ts'
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
export interface AppPorts extends AdmissionPorts {
  /** Makes the session's application half; wires listeners, synchronously. */
  wire(session: Session): void
  run(session: Session, task: Task): AnswerResult | Promise<AnswerResult>
  /** May this event run beside others of its session? */
  isConcurrent(session: Session, event: string): boolean
  homeOf(room: string): number
}

/** A session without any counted frame or room has nothing to lose: it waits this long only. */
const EMPTY_GRACE_MS = 10_000
/** Dead sessions are remembered this many graces. */
const TOMBSTONE_GRACES = 10
const TOMBSTONES_MAX = 10_000
/** Volatile messages waiting for a busy session; more are dropped, as volatile ones may be. */
const VOLATILE_QUEUE_MAX = 64

export class Sessions implements LinkEvents {
  readonly state: WorkerState
  readonly turn: Turn
  readonly limits: SessionLimits
  readonly #app: AppPorts
  readonly #now: () => number
  readonly #admission: Admission
  readonly #acknowledgements = new Deadlines<Session>()
  readonly #graces = new Deadlines<{ readonly session: Session; readonly since: number }>()
  readonly #tombs = new Deadlines<string>()

  constructor(state: WorkerState, turn: Turn, limits: SessionLimits, app: AppPorts, now: () => number) {
    this.state = state
    this.turn = turn
    this.limits = limits
    this.#app = app
    this.#now = now
    this.#admission = new Admission(this, app, now)
  }

  /** Nothing is waiting for the clock. */
  get idle(): boolean {
    return this.#acknowledgements.empty && this.#graces.empty && this.#tombs.empty && this.#admission.idle
  }

  // — links —

  linkOpened(link: Link): void {
    this.#admission.expect(link, 'fresh')
  }

  /** A farewell left the link free: the client may say hello for a new session on it. */
  parted(link: Link): void {
    this.#admission.expect(link, 'parted')
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
    this.#graces.set({ session, since: at }, at + this.#graceOf(session))
    if (!session.leaving) this.enqueue(session, { kind: 'lifecycle', name: 'suspend' })
  }

  #graceOf(session: Session): number {
    const empty = session.outbox.end === 0 && session.inbox.count === 0 && !session.rooms?.size
    return empty ? Math.min(EMPTY_GRACE_MS, this.limits.graceMs) : this.limits.graceMs
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
    if (message.type === 'answer') {
      // An answer bypasses the queue: a handler may be awaiting it.
      this.#finished(session, session.inbox.take(crc), crc, size)
      this.#answered(session, message.to, message.result)
      return
    }
    if (session.takenBytes > 0 && session.takenBytes + size > this.limits.takenBytes) {
      // Reading was stopped already and this was on its way; it is not taken, so it will be replayed.
      return this.refuse(link, 'backlog_full', 'too much is taken and not handled')
    }
    const number = session.inbox.take(crc)
    session.takenBytes += size
    if (
      link.transport === 'websocket' &&
      session.reading &&
      session.takenBytes > this.limits.takenBytes / 2
    ) {
      session.reading = false
      link.setReading(false)
    }
    this.enqueue(session, {
      kind: 'message',
      number,
      crc,
      size,
      event: message.event,
      wantsAnswer: message.wantsAnswer,
    })
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

  // — the application's turn —

  enqueue(session: Session, task: Task): void {
    const beside =
      task.kind === 'message' && session.opened && this.#app.isConcurrent(session, task.event.name)
    if (beside) return this.#run(session, task)
    session.queue.push(task)
    this.#pump(session)
  }

  #pump(session: Session): void {
    while (!session.running) {
      const task = session.queue.shift()
      if (!task) return
      if (task.kind === 'message' && this.#app.isConcurrent(session, task.event.name)) {
        this.#run(session, task)
        continue
      }
      session.running = true
      const result = this.#start(session, task)
      if (result instanceof Promise) {
        void result.then((settled) => {
          session.running = false
          this.#settle(session, task, settled)
          this.#pump(session)
        })
        return
      }
      session.running = false
      this.#settle(session, task, result)
    }
  }

  #run(session: Session, task: Task): void {
    const result = this.#app.run(session, task)
    if (result instanceof Promise) void result.then((settled) => this.#settle(session, task, settled))
    else this.#settle(session, task, result)
  }

  #start(session: Session, task: Task): AnswerResult | Promise<AnswerResult> {
    if (task.kind !== 'leave') return this.#app.run(session, task)
    this.end(session, 'closed_by_client', 'the client closed the session', 'forget')
    return { ok: true, value: undefined }
  }

  /** What the handler caused and "handled" are in the same turn, so in the same batch. */
  #settle(session: Session, task: Task, result: AnswerResult): void {
    if (session.closed) return
    if (task.kind === 'lifecycle' && task.name === 'open') {
      this.turn.record({ type: 'handled', session: session.id, number: 0, crc: 0 })
    }
    if (task.kind !== 'message' && task.kind !== 'volatile') return
    session.takenBytes -= task.size
    if (!session.reading && session.takenBytes <= this.limits.takenBytes / 4) {
      session.reading = true
      session.link?.setReading(true)
    }
    if (task.kind === 'volatile') return
    if (task.wantsAnswer) this.send(session, this.#answer(task.number, result))
    this.#finished(session, task.number, task.crc, task.size)
  }

  #answer(to: number, result: AnswerResult): Frame {
    try {
      const frame = new Frame(encodeAnswer(to, result))
      if (frame.size <= this.limits.payloadBytes) return frame
      return new Frame(
        encodeAnswer(to, { ok: false, code: 'payload_too_large', message: 'the answer is too large' }),
      )
    } catch {
      // What a handler returned is no JSON.
      return new Frame(
        encodeAnswer(to, { ok: false, code: 'handler_failed', message: 'the answer cannot be sent' }),
      )
    }
  }

  #finished(session: Session, number: number, crc: number, size: number): void {
    const before = session.handled
    this.turn.record({ type: 'handled', session: session.id, number, crc })
    if (session.handled === before) return
    let due = false
    // With it those that finished ahead; their bytes were not kept.
    for (let n = before; n < session.handled; n++) {
      due = session.acknowledger.took(n === before ? size : 0, this.#now()) || due
    }
    if (due) this.#acknowledge(session)
    else if (!session.acknowledgeQueued) {
      session.acknowledgeQueued = true
      this.#acknowledgements.set(session, session.acknowledger.dueAt)
    }
  }

  #acknowledge(session: Session): void {
    session.acknowledger.told()
    if (!session.link) return
    session.before ??= []
    session.before.push(encodeNumber('received', session.handled))
    this.state.touch(session)
    this.turn.wake()
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
  end(session: Session, code: Code | (string & {}), reason: string, says: 'gone' | 'close' | 'forget'): void {
    if (session.closed) return
    for (const room of [...(session.rooms?.keys() ?? [])]) {
      this.turn.record({ type: 'left', session: session.id, room, home: this.#app.homeOf(room) })
    }
    const { handled } = session
    const taken = session.inbox.count
    const until = says === 'forget' ? 0 : this.#now() + TOMBSTONE_GRACES * this.limits.graceMs
    this.turn.record({
      type: 'closed',
      session: session.id,
      code,
      reason,
      says: says === 'gone' ? 'gone' : 'close',
      taken,
      tombstoneUntil: until,
    })
    if (until > 0) this.#bury(session.keyHash, until)
    if (session.link) {
      session.farewell =
        says === 'gone'
          ? { frame: encodeGone({ code, handled, taken }), keepLink: true }
          : { frame: encodeClose(code, reason), keepLink: false }
      // What a client that starts anew has not received yet is of no use to it.
      if (says === 'gone') session.cursor = session.outbox.end
      this.state.touch(session)
    } else session.outbox.drop()
    for (const question of session.questions?.values() ?? []) question.reject('unknown')
    session.questions = null
    for (const join of session.joins?.values() ?? []) join.reject(new LimpetError('session_closed'))
    session.joins = null
    session.queue.length = 0
    this.enqueue(session, { kind: 'lifecycle', name: 'close' })
  }

  #bury(keyHash: string, until: number): void {
    this.#tombs.set(keyHash, until)
    if (this.state.tombstones.size <= TOMBSTONES_MAX) return
    const [oldest] = this.state.tombstones.keys()
    this.turn.record({ type: 'forgotten', keyHash: oldest! })
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
    this.#acknowledgements.expire(now, (session) => {
      session.acknowledgeQueued = false
      if (session.closed || session.acknowledger.dueAt === Number.POSITIVE_INFINITY) return
      if (session.acknowledger.dueAt <= now) return this.#acknowledge(session)
      session.acknowledgeQueued = true
      this.#acknowledgements.set(session, session.acknowledger.dueAt)
    })
    this.#graces.expire(now, (wait) => {
      const { session, since } = wait
      if (session.phase.kind !== 'suspended' || session.phase.since !== since) return
      // It got something to lose while it waited.
      const until = since + this.#graceOf(session)
      if (until > now) return this.#graces.set(wait, until)
      if (session.leaving)
        return this.end(session, 'closed_by_client', 'the client closed the session', 'forget')
      this.end(session, 'session_expired', 'the client did not come back in time', 'gone')
    })
    this.#tombs.expire(now, (keyHash) => {
      if ((this.state.tombstones.get(keyHash)?.until ?? Number.POSITIVE_INFINITY) > now) return
      this.turn.record({ type: 'forgotten', keyHash })
    })
  }
}
