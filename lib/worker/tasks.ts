/**
 * The application's turn: what a session has taken runs one after another, and what is finished is told to the client.
 * What a handler caused and "handled" are records of the same turn.
 */
import { CODES } from '../wire/codes.ts'
import { type AnswerResult, encodeAnswer, encodeNumber, Frame } from '../wire/frames.ts'
import { Deadlines } from './deadlines.ts'
import { Retries } from './retries.ts'
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

export class Tasks {
  readonly #sessions: Sessions
  readonly #ports: TaskPorts
  readonly #now: () => number
  readonly #acknowledgements = new Deadlines<Session>()
  readonly #retries: Retries

  constructor(sessions: Sessions, ports: TaskPorts, now: () => number) {
    this.#sessions = sessions
    this.#ports = ports
    this.#now = now
    this.#retries = new Retries(sessions.turn, now)
  }

  /** Nothing waits for the clock. */
  get idle(): boolean {
    return this.#acknowledgements.empty && this.#retries.idle
  }

  enqueue(session: Session, task: Task): void {
    const beside =
      task.kind === 'message' && session.opened && this.#ports.isConcurrent(session, task.event.name)
    if (beside) return this.#begin(session, task, false)
    session.queue.push(task)
    this.#pump(session)
  }

  #pump(session: Session): void {
    while (!session.running) {
      const task = session.queue.shift()
      if (!task) return
      const beside = task.kind === 'message' && this.#ports.isConcurrent(session, task.event.name)
      this.#begin(session, task, !beside)
    }
  }

  /** @param alone nothing behind it runs before it has ended */
  #begin(session: Session, task: Task, alone: boolean): void {
    if (alone) session.running = true
    const number = retried(session, task)
    if (number === null) return this.#run(session, task, alone)
    const again = this.#retries.again(session, number, () => {
      this.#run(session, task, alone)
      this.#pump(session)
    })
    if (!again) this.#ended(session, task, alone, this.#poison(session, task))
  }

  #run(session: Session, task: Task, alone: boolean): void {
    const result = this.#start(session, task)
    if (!(result instanceof Promise)) return this.#ended(session, task, alone, result)
    void result.then((settled) => {
      this.#ended(session, task, alone, settled)
      this.#pump(session)
    })
  }

  #ended(session: Session, task: Task, alone: boolean, result: AnswerResult): void {
    if (alone) session.running = false
    this.#settle(session, task, result)
    const number = retried(session, task)
    if (number !== null) this.#retries.ended(session, number)
  }

  #start(session: Session, task: Task): AnswerResult | Promise<AnswerResult> {
    if (task.kind !== 'leave') return this.#ports.run(session, task)
    this.#sessions.end(session, 'closed_by_client', 'the client closed the session', 'forget')
    return { ok: true, value: undefined }
  }

  /** It was tried often enough: it may be what the process died of each time. */
  #poison(session: Session, task: Task): AnswerResult {
    this.#ports.poisoned(session, task.kind === 'message' ? task.event.name : 'open')
    // A session whose `open` cannot run must not come back with another one.
    if (task.kind !== 'message') this.#sessions.end(session, 'refused', CODES.poison.text, 'close')
    return { ok: false, code: 'poison', message: CODES.poison.text }
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

  /** Something leaves for the session now. */
  acknowledgeAlong(session: Session): void {
    if (session.acknowledger.ridesAlong(this.#now())) this.#say(session)
  }

  /** Tells the client how much is handled, also when it knows. */
  acknowledge(session: Session): void {
    this.#say(session)
    if (!session.link) return
    this.#sessions.state.touch(session)
    this.#sessions.turn.wake()
  }

  #say(session: Session): void {
    session.acknowledger.told()
    if (!session.link) return
    const count = encodeNumber('received', session.handled)
    session.before ??= []
    const last = session.before.length - 1
    // A link that does not take it needs the newest only.
    if (typeof session.before[last] === 'string' && session.before[last].startsWith('r'))
      session.before[last] = count
    else session.before.push(count)
  }

  tick(now: number): void {
    this.#retries.tick(now)
    this.#acknowledgements.expire(now, (session) => {
      session.acknowledgeQueued = false
      if (session.closed || session.acknowledger.dueAt === Number.POSITIVE_INFINITY) return
      if (session.acknowledger.dueAt <= now) return this.acknowledge(session)
      session.acknowledgeQueued = true
      this.#acknowledgements.set(session, session.acknowledger.dueAt)
    })
  }
}

/** The number of what may have run in a process that died; 0 is `open`, null all else. */
function retried(session: Session, task: Task): number | null {
  if (task.kind === 'message') return task.number <= session.redeliveredUpTo ? task.number : null
  return task.kind === 'lifecycle' && task.name === 'open' && session.restored ? 0 : null
}
