/** What a client sends on the link that carries its session: counted, bounded, and put in its turn. */
import { checksum } from '../wire/checksum.ts'
import type { AnswerResult, Data, EventBody, Message } from '../wire/frames.ts'
import type { Link } from './link.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { Tasks } from './tasks.ts'
import { Throttle } from './throttle.ts'

/** Messages waiting for a busy session, whatever their size: each costs a few hundred bytes. */
const QUEUE_MAX = 32_768
/** Messages and answers finished ahead of one that is not. */
const AHEAD_MAX = 16_384
/** Volatile messages waiting for a busy session; more are dropped, as volatile ones may be. */
const VOLATILE_QUEUE_MAX = 64

export class Intake {
  readonly #sessions: Sessions
  readonly #tasks: Tasks
  readonly #throttle: Throttle

  constructor(sessions: Sessions, tasks: Tasks, now: () => number) {
    this.#sessions = sessions
    this.#tasks = tasks
    this.#throttle = new Throttle(sessions.limits, now, (session) => this.regulate(session))
  }

  get idle(): boolean {
    return this.#throttle.idle
  }

  tick(now: number): void {
    this.#throttle.tick(now)
  }

  take(session: Session, link: Link, data: Data, message: Message): void {
    if (this.#throttle.on && !this.#isInTime(session, link, data))
      return this.#sessions.refuse(link, 'rate_limited', 'too much in too short a time')
    switch (message.type) {
      case 'event':
      case 'answer':
        return this.#counted(session, link, data, message)
      case 'volatile':
        return this.#volatile(session, link, data, message.event)
      case 'received':
        // More than any link was given: the peer's count lies.
        if (message.count > session.given)
          return this.#sessions.refuse(link, 'protocol_error', 'received more than was sent')
        return this.#received(session, message.count)
      case 'close':
        return this.#sessions.leave(session)
      default:
        return this.#sessions.refuse(link, 'protocol_error', `unexpected ${message.type}`)
    }
  }

  /** What was on its way when reading stopped is taken; on polling, and while reading must go on, nothing stops it. */
  #isInTime(session: Session, link: Link, data: Data): boolean {
    const free = this.#throttle.take(session, Buffer.byteLength(data))
    const stoppable = link.transport === 'websocket' && !session.reading
    this.regulate(session)
    return free || stoppable
  }

  /** Frames that a former link brought are still due on this one: the client counts them by their place here. */
  #received(session: Session, said: number): void {
    const count = Math.min(said, session.cursor)
    if (count > session.outbox.base)
      this.#sessions.turn.record({ type: 'received', session: session.id, count })
  }

  #counted(
    session: Session,
    link: Link,
    data: Data,
    message: Extract<Message, { type: 'event' | 'answer' }>,
  ): void {
    const { crc, size } = checksum(data)
    if (size > this.#sessions.limits.payloadBytes)
      return this.#sessions.refuse(
        link,
        'payload_too_large',
        `more than ${this.#sessions.limits.payloadBytes} bytes`,
      )
    const next = session.inbox.count + 1
    if (next <= session.handled || session.finishedAhead?.has(next)) {
      // It finished ahead of others in a process that died; the client could not know.
      session.inbox.take(crc)
      return
    }
    if ((session.finishedAhead?.size ?? 0) >= AHEAD_MAX)
      return this.#sessions.refuse(link, 'backlog_full', 'too much is finished behind a message that is not')
    if (message.type === 'answer') {
      // An answer bypasses the queue: a handler may be awaiting it.
      this.#tasks.finished(session, session.inbox.take(crc), crc, size)
      this.#answered(session, message.to, message.result)
      return
    }
    const full = session.takenBytes > 0 && session.takenBytes + size > this.#sessions.limits.takenBytes
    if (full || session.queue.length >= QUEUE_MAX) {
      // Reading was stopped already and this was on its way; it is not taken, so it will be replayed.
      return this.#sessions.refuse(link, 'backlog_full', 'too much is taken and not handled')
    }
    const number = session.inbox.take(crc)
    session.takenBytes += size
    this.regulate(session)
    this.#sessions.enqueue(session, {
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
    const { takenBytes } = this.#sessions.limits
    const awaiting = (session.questions?.size ?? 0) > 0
    // What the client has received stands in the same stream: unread, its outbox could not be freed.
    const owed = session.outbox.bytes > this.#sessions.limits.outboxBytes / 2
    const long = session.queue.length > (session.reading ? QUEUE_MAX / 2 : QUEUE_MAX / 4)
    const slow = !this.#throttle.allows(session)
    const reading =
      awaiting ||
      owed ||
      (!slow && !long && session.takenBytes <= (session.reading ? takenBytes / 2 : takenBytes / 4))
    if (reading === session.reading) return
    session.reading = reading
    session.link?.setReading(reading)
  }

  /** Dropped where it would have to wait behind many, or take the place of counted ones. */
  #volatile(session: Session, link: Link, data: Data, event: EventBody): void {
    const { size } = checksum(data)
    if (size > this.#sessions.limits.payloadBytes)
      return this.#sessions.refuse(
        link,
        'payload_too_large',
        `more than ${this.#sessions.limits.payloadBytes} bytes`,
      )
    const full = session.takenBytes > 0 && session.takenBytes + size > this.#sessions.limits.takenBytes / 2
    if (full || session.queue.length >= VOLATILE_QUEUE_MAX) return
    session.takenBytes += size
    this.#sessions.enqueue(session, { kind: 'volatile', event, size })
  }

  #answered(session: Session, to: number, result: AnswerResult): void {
    const question = session.questions?.get(to)
    // A question of a process that died: the late answer is counted and dropped.
    if (!question) return
    session.questions?.delete(to)
    if (result.ok) question.resolve(result.value)
    else question.reject(result.code, result.message)
  }
}
