/**
 * One session: the lasting conversation with one client. Plain state; `apply.ts` changes what is durable,
 * `sessions.ts` what belongs to this process.
 */
import type { Code } from '../wire/codes.ts'
import type { Data, EventBody, Frame } from '../wire/frames.ts'
import { Acknowledger, Inbox, Outbox, RECEIVED_AFTER } from '../wire/stream.ts'
import type { SessionData } from './api.ts'
import type { Bundle } from './bundle.ts'
import type { Link } from './link.ts'

export type Phase =
  | { readonly kind: 'connected' }
  | { readonly kind: 'suspended'; readonly since: number }
  | { readonly kind: 'closed'; readonly code: string; readonly reason: string }

/**
 * A room this session asked to be in. Each join is answered by the home; only the last one counts, and none after a
 * leave, so the answers still to come are counted.
 */
export interface Membership {
  standing: 'joining' | 'member' | 'left'
  answersDue: number
  /** It is told who comes and goes. */
  watches: boolean
}

/** What waits for its turn in a session, in order. */
export type Task =
  | {
      readonly kind: 'message'
      readonly number: number
      readonly crc: number
      readonly size: number
      readonly event: EventBody
      readonly wantsAnswer: boolean
    }
  | { readonly kind: 'volatile'; readonly event: EventBody; readonly size: number }
  | { readonly kind: 'lifecycle'; readonly name: 'open' | 'suspend' | 'resume' | 'close' }
  /** The client's close has come to its turn. */
  | { readonly kind: 'leave' }

/** `Array.shift` moves all the rest: a long queue would cost its square. */
export class TaskQueue {
  #tasks: (Task | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#tasks.length - this.#head
  }

  push(task: Task): void {
    this.#tasks.push(task)
  }

  shift(): Task | undefined {
    if (this.#head === this.#tasks.length) return undefined
    const task = this.#tasks[this.#head]
    this.#tasks[this.#head++] = undefined
    if (this.#head === this.#tasks.length || this.#head >= 1024) {
      this.#tasks = this.#tasks.slice(this.#head)
      this.#head = 0
    }
    return task
  }

  clear(): void {
    this.#tasks = []
    this.#head = 0
  }
}

export class Session {
  // Durable: changed by apply(record) only.
  readonly id: string
  readonly keyHash: string
  readonly segment: string
  readonly address: string
  phase: Phase = { kind: 'connected' }
  data: Readonly<SessionData>
  readonly outbox = new Outbox<Frame>()
  /** Messages 1 … handled are finished, with what they caused. */
  handled = 0
  /** Rolling check over messages 1 … handled. */
  handledCheck = 0
  /** Finished ahead of their turn (concurrent handlers, answers): number → crc. */
  finishedAhead: Map<number, number> | null = null
  /** `open` (message 0) is finished. */
  opened = false
  instance = ''
  attempt = 0
  /** Last attempts of instances before the current one, newest last: a late hello of theirs cannot take over. */
  formerAttempts: Map<string, number> | null = null
  rooms: Map<string, Membership> | null = null
  /** Messages whose process died: how often each was begun again. */
  attempts: Map<number, number> | null = null

  // Of this process.
  link: Link | null = null
  /** Frames 1 … cursor were given to the current link; -1: there is none. */
  cursor = -1
  /** Frames 1 … given were given to some link: the client cannot have received more. */
  given = 0
  /** Where this turn's frames stand in the shared sequence; null when none came, or the link was behind. */
  bundle: Bundle | null = null
  dirty = false
  /** Uncounted frames that go before (welcome, received) and after (volatile) this turn's counted ones. */
  before: Data[] | null = null
  after: (Data | Frame)[] | null = null
  /** Said on the link once its frames are out: the session ends. */
  farewell: { readonly frame: string; readonly keepLink: boolean } | null = null
  /** What was accepted from the client, in memory. */
  readonly inbox = new Inbox()
  takenBytes = 0
  readonly acknowledger = new Acknowledger(RECEIVED_AFTER.server)
  acknowledgeQueued = false
  /** A look at what polling may have skipped is due. */
  receiptQueued = false
  readonly queue = new TaskQueue()
  /** A frame found the outbox full: nothing may be appended behind the gap. */
  overflowed = false
  running = false
  reading = true
  /** What it sent so far is paid for at this time, by the rate it may send at. */
  paidUntil = 0
  /** It is ahead of its rate, and looked at again. */
  slowed = false
  /** A journal brought it back … */
  restored = false
  /** … and its client has not come back yet. */
  recovered = false
  /** Messages 1 … n may have run in a process that died. */
  redeliveredUpTo = 0
  /** The client said close: what it sent before is still handled, then the session ends. */
  leaving = false
  questions: Map<number, Question> | null = null
  joins: Map<string, Deferred> | null = null
  /** The application's half, made by server.ts. */
  handle: unknown = null

  constructor(id: string, keyHash: string, segment: string, address: string, data: SessionData) {
    this.id = id
    this.keyHash = keyHash
    this.segment = segment
    this.address = address
    this.data = data
  }

  get closed(): boolean {
    return this.phase.kind === 'closed'
  }

  /** Messages behind this one were never taken: what a process that died had taken is not known until the next hello. */
  get reached(): number {
    return this.recovered ? Number.MAX_SAFE_INTEGER : Math.max(this.inbox.count, this.redeliveredUpTo)
  }
}

/** A `join` of this process that waits for the room's home; `promise` is shared by those who ask twice. */
export interface Deferred {
  readonly promise: Promise<void>
  resolve(): void
  reject(error: Error): void
}

/** An `emitWithAck` of this process that waits for its answer. */
export interface Question {
  resolve(value: unknown): void
  reject(code: string, message?: string): void
}

/** Remembered of a dead session: what a returning client is told. */
export interface Tombstone {
  /** A late first hello may have made it under the key of another one. */
  readonly session: string
  readonly code: Code | (string & {})
  readonly reason: string
  /** `gone`: begin a new session; `close`: the server ended it, do not. */
  readonly says: 'gone' | 'close'
  readonly handled: number
  readonly taken: number
  readonly until: number
}
