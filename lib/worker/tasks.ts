/**
 * The application's turn: what a session has taken runs one after another, and what is finished is told to the client.
 * What a handler caused and "handled" are records of the same turn.
 */
import { CODES } from '../wire/codes.ts'
import { type AnswerResult, encodeAnswer, encodeNumber, Frame } from '../wire/frames.ts'
import { Deadlines } from './deadlines.ts'
import type { Session, Task } from './session.ts'
import type { Sessions } from './sessions.ts'

/** Neither call throws or rejects. */
export interface TaskPorts {
  run(session: Session, task: Task): AnswerResult | Promise<AnswerResult>
  /** May this event run beside others of its session? */
  isConcurrent(session: Session, event: string): boolean
  /** Its handler took the process down again and again: it is skipped. For the log. */
  poisoned(session: Session, event: string): void
}

/** How often a message is tried again whose process died while it may have been running. */
const ATTEMPTS_MAX = 3

export class Tasks {
  readonly #sessions: Sessions
  readonly #ports: TaskPorts
  readonly #now: () => number
  readonly #acknowledgements = new Deadlines<Session>()

  constructor(sessions: Sessions, ports: TaskPorts, now: () => number) {
    this.#sessions = sessions
    this.#ports = ports
    this.#now = now
  }

  /** No count waits for the clock. */
  get idle(): boolean {
    return this.#acknowledgements.empty
  }

  enqueue(session: Session, task: Task): void {
    const beside =
      task.kind === 'message' && session.opened && this.#ports.isConcurrent(session, task.event.name)
    if (beside) return this.#run(session, task)
    session.queue.push(task)
    this.#pump(session)
  }

  #pump(session: Session): void {
    while (!session.running) {
      const task = session.queue.shift()
      if (!task) return
      if (task.kind === 'message' && this.#ports.isConcurrent(session, task.event.name)) {
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
    const result = this.#perform(session, task)
    if (result instanceof Promise) void result.then((settled) => this.#settle(session, task, settled))
    else this.#settle(session, task, result)
  }

  #start(session: Session, task: Task): AnswerResult | Promise<AnswerResult> {
    if (task.kind !== 'leave') return this.#perform(session, task)
    this.#sessions.end(session, 'closed_by_client', 'the client closed the session', 'forget')
    return { ok: true, value: undefined }
  }

  /** A message whose process died is tried again, but not for ever: it may be what the process died of. */
  #perform(session: Session, task: Task): AnswerResult | Promise<AnswerResult> {
    if (task.kind !== 'message' || task.number > session.redeliveredUpTo)
      return this.#ports.run(session, task)
    const { turn } = this.#sessions
    if ((session.attempts?.get(task.number) ?? 0) >= ATTEMPTS_MAX) {
      this.#ports.poisoned(session, task.event.name)
      return { ok: false, code: 'poison', message: CODES.poison.text }
    }
    turn.record({ type: 'attempted', session: session.id, number: task.number })
    turn.persist()
    return this.#ports.run(session, task)
  }

  /** What the handler caused and "handled" are in the same turn, so in the same batch. */
  #settle(session: Session, task: Task, result: AnswerResult): void {
    if (session.closed) return
    if (task.kind === 'lifecycle' && task.name === 'open') {
      this.#sessions.turn.record({ type: 'handled', session: session.id, number: 0, crc: 0 })
    }
    if (task.kind !== 'message' && task.kind !== 'volatile') return
    session.takenBytes -= task.size
    this.#sessions.regulate(session)
    if (task.kind === 'volatile') return
    if (task.wantsAnswer) this.#sessions.send(session, this.#answer(task.number, result))
    this.finished(session, task.number, task.crc, task.size)
  }

  #answer(to: number, result: AnswerResult): Frame {
    try {
      const frame = new Frame(encodeAnswer(to, result))
      if (frame.size <= this.#sessions.limits.payloadBytes) return frame
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

  finished(session: Session, number: number, crc: number, size: number): void {
    const before = session.handled
    this.#sessions.turn.record({ type: 'handled', session: session.id, number, crc })
    if (session.handled === before) return
    let due = false
    // With it those that finished ahead; their bytes were not kept.
    for (let n = before; n < session.handled; n++) {
      due = session.acknowledger.took(n === before ? size : 0, this.#now()) || due
    }
    if (due) this.acknowledge(session)
    else if (!session.acknowledgeQueued) {
      session.acknowledgeQueued = true
      this.#acknowledgements.set(session, session.acknowledger.dueAt)
    }
  }

  /** Tells the client how much is handled, also when it knows. */
  acknowledge(session: Session): void {
    session.acknowledger.told()
    if (!session.link) return
    const count = encodeNumber('received', session.handled)
    session.before ??= []
    const last = session.before.length - 1
    // A link that does not take it needs the newest only.
    if (typeof session.before[last] === 'string' && session.before[last].startsWith('r'))
      session.before[last] = count
    else session.before.push(count)
    this.#sessions.state.touch(session)
    this.#sessions.turn.wake()
  }

  tick(now: number): void {
    this.#acknowledgements.expire(now, (session) => {
      session.acknowledgeQueued = false
      if (session.closed || session.acknowledger.dueAt === Number.POSITIVE_INFINITY) return
      if (session.acknowledger.dueAt <= now) return this.acknowledge(session)
      session.acknowledgeQueued = true
      this.#acknowledgements.set(session, session.acknowledger.dueAt)
    })
  }
}
