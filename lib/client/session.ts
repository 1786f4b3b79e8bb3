/**
 * The client's session machine. No timers, no sockets, no clock: inputs come with `now` in ms, effects go out through
 * `ClientEffects`. It outlives its links, and goes on with a new session where the old one cannot be resumed.
 *
 * After a turn's inputs call `flush(now)`, and again at `dueAt()`.
 */
import { LimpetError } from '../wire/codes.ts'
import { type AnswerResult, type Data, encodeClose, isEventName } from '../wire/frames.ts'
import type { Delivery, LinkId, StateName } from './effects.ts'
import { Intake } from './intake.ts'
import type { Snapshot } from './snapshot.ts'
import { Standing } from './standing.ts'

export type { ClientSessionOptions } from './standing.ts'

export class ClientSession extends Standing {
  readonly #intake = new Intake(this)

  // Read state.

  get state(): StateName {
    return this.phase.kind
  }

  /** null until welcome. */
  get id(): string | null {
    return this.conversation.id
  }

  /** 1 for the first session; rises with every discontinuity. */
  get ordinal(): number {
    return this.conversation.ordinal
  }

  /** Messages 1 … emitted of this session exist. */
  get emitted(): number {
    return this.conversation.outbox.end
  }

  /** Messages 1 … handled are known to be handled. */
  get handled(): number {
    return this.conversation.outbox.base
  }

  /** Bytes of all messages of this session. */
  get emittedBytes(): number {
    return this.conversation.emittedBytes
  }

  /** How many of those were given to no link; null without one. */
  get unwrittenBytes(): number | null {
    return this.live?.unwrittenBytes ?? null
  }

  /** What the last resume brings, until the link is lost. */
  get replay(): { readonly received: number; readonly total: number } | null {
    return this.live && this.#intake.replay
  }

  /** The link that carries the session. */
  get link(): LinkId | null {
    return this.live?.link ?? null
  }

  /** When `flush` has something to say by time alone; Infinity when nothing is owed. */
  dueAt(): number {
    if (!this.live?.writable || this.helloUnderWay) return Number.POSITIVE_INFINITY
    return this.conversation.acknowledger.dueAt
  }

  // Inputs from the application.

  /**
   * @returns the event's number in this session
   * Throws LimpetError: `session_closed`, `name_invalid`, `arguments_invalid`, `payload_too_large`, `outbox_full`.
   */
  emit(name: string, args: unknown[], wantsAnswer = false): number {
    this.#assertSendable(name)
    return this.conversation.emit(name, args, wantsAnswer)
  }

  /** Nobody waits for this answer any more; when it comes, it is counted and told to nobody. */
  abandon(number: number): void {
    this.conversation.questions.delete(number)
  }

  /** Dropped where no link can take it now. Throws as `emit` does, but never `outbox_full`. */
  emitVolatile(name: string, args: unknown[]): void {
    this.#assertSendable(name)
    const data = this.conversation.volatile(name, args)
    this.live?.volatile(data)
  }

  /** Answers a delivered question, once. */
  answer(to: Delivery, result: AnswerResult): void {
    if (this.isClosed || to.ordinal !== this.ordinal) return
    this.conversation.answer(to.number, result)
  }

  /** Ends the session for good; tells the server, if a link is there, behind all that was emitted before. */
  close(code: string, reason: string, now: number): void {
    this.live?.flush(now, false, 'all')
    const { candidate } = this
    if (this.isClosed) return
    const farewell = encodeClose(code, reason)
    const live = this.live
    if (live && !live.fenced) this.send(live.link, farewell)
    if (candidate && this.helloUnderWay) this.send(candidate.link, farewell)
    this.end(code, reason)
  }

  /** The network or the page goes away: links are closed, no hello is sent until `wake`. */
  suspend(code: string): void {
    if (!this.isClosed && this.state !== 'suspended') this.leaveLinks('suspended', code)
  }

  wake(): void {
    if (this.state !== 'suspended') return
    this.go({ kind: this.everWelcomed ? 'recovering' : 'connecting' })
  }

  // A page that leaves, and the next one.

  /** All that the next page needs to go on; null once it is over. */
  snapshot(where: Pick<Snapshot, 'segment' | 'owner'>): Snapshot | null {
    return this.isClosed ? null : { ...where, ...this.conversation.snapshot() }
  }

  /**
   * What was restored belongs to another page: what was emitted since goes into a session of our own.
   * @returns by how much the numbers of those fell
   */
  renounce(): number {
    const { newKey } = this.options
    const { restoredEnd } = this.conversation
    this.conversation = this.conversation.withoutRestored(newKey())
    this.restored = false
    this.everWelcomed = false
    return restoredEnd
  }

  /** Another page has the session now. */
  lose(): void {
    this.beginAgain('taken_over', this.conversation.ownEnding(), null)
  }

  // Inputs from the links.

  /** A link can carry frames. The newest asks for the session; the current one is used until that is welcomed. */
  linkOpened(link: LinkId): void {
    if (this.isClosed || this.state === 'suspended') {
      this.effects.closeLink(link, 'link_replaced')
      return
    }
    const former = this.candidate
    this.introduce(link)
    if (former) this.effects.closeLink(former.link, 'link_replaced')
  }

  /** `auth` for the session that begins on this link. */
  authReady(link: LinkId, auth: unknown): void {
    const { candidate } = this
    if (candidate?.link === link && candidate.received === null) this.hello(candidate, auth)
  }

  linkFrame(link: LinkId, data: Data, now: number): void {
    this.#intake.take(link, data, now)
  }

  /** All that is due leaves: at the end of a turn, at `dueAt()`, and when a link takes more again. */
  flush(now: number): void {
    this.live?.flush(now, !this.helloUnderWay)
  }

  #assertSendable(name: string): void {
    if (this.isClosed) throw new LimpetError('session_closed')
    if (!isEventName(name)) throw new LimpetError('name_invalid')
  }
}
