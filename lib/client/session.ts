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
import type { Live } from './live.ts'
import type { Snapshot } from './snapshot.ts'
import { type ClientSessionOptions, Standing } from './standing.ts'

export type { ClientSessionOptions } from './standing.ts'

export class ClientSession {
  readonly #at: Standing
  readonly #intake: Intake

  constructor(options: ClientSessionOptions) {
    this.#at = new Standing(options)
    this.#intake = new Intake(this.#at)
  }

  // Read state.

  get state(): StateName {
    return this.#at.state.kind
  }

  /** null until welcome. */
  get id(): string | null {
    return this.#at.conversation.id
  }

  /** 1 for the first session; rises with every discontinuity. */
  get ordinal(): number {
    return this.#at.conversation.ordinal
  }

  /** Messages 1 … emitted of this session exist. */
  get emitted(): number {
    return this.#at.conversation.outbox.end
  }

  /** Messages 1 … handled are known to be handled. */
  get handled(): number {
    return this.#at.conversation.outbox.base
  }

  /** Bytes of all messages of this session. */
  get emittedBytes(): number {
    return this.#at.conversation.emittedBytes
  }

  /** How many of those were given to no link; null without one. */
  get unwrittenBytes(): number | null {
    return this.#live?.unwrittenBytes ?? null
  }

  /** What the last resume brings, until the link is lost. */
  get replay(): { readonly received: number; readonly total: number } | null {
    return this.#live && this.#intake.replay
  }

  /** The link that carries the session. */
  get link(): LinkId | null {
    return this.#live?.link ?? null
  }

  /** The link whose welcome is awaited. */
  get candidate(): LinkId | null {
    return this.#at.candidate?.link ?? null
  }

  /** When `flush` has something to say by time alone; Infinity when nothing is owed. */
  dueAt(): number {
    if (!this.#live?.writable || this.#at.helloUnderWay) return Number.POSITIVE_INFINITY
    return this.#at.conversation.acknowledger.dueAt
  }

  // Inputs from the application.

  /**
   * @returns the event's number in this session
   * Throws LimpetError: `session_closed`, `name_invalid`, `arguments_invalid`, `payload_too_large`, `outbox_full`.
   */
  emit(name: string, args: unknown[], wantsAnswer = false): number {
    this.#assertSendable(name)
    return this.#at.conversation.emit(name, args, wantsAnswer)
  }

  /** Nobody waits for this answer any more; when it comes, it is counted and told to nobody. */
  abandon(number: number): void {
    this.#at.conversation.questions.delete(number)
  }

  /** Dropped where no link can take it now. Throws as `emit` does, but never `outbox_full`. */
  emitVolatile(name: string, args: unknown[]): void {
    this.#assertSendable(name)
    const data = this.#at.conversation.volatile(name, args)
    this.#live?.volatile(data)
  }

  /** Answers a delivered question, once. */
  answer(to: Delivery, result: AnswerResult): void {
    if (this.#at.isClosed || to.ordinal !== this.ordinal) return
    this.#at.conversation.answer(to.number, result)
  }

  /** Ends the session for good; tells the server, if a link is there, behind all that was emitted before. */
  close(code: string, reason: string, now: number): void {
    this.#live?.flush(now, false, 'all')
    const { candidate } = this.#at
    if (this.#at.isClosed) return
    const farewell = encodeClose(code, reason)
    const live = this.#live
    if (live && !live.fenced) this.#at.send(live.link, farewell)
    if (candidate && this.#at.helloUnderWay) this.#at.send(candidate.link, farewell)
    this.#at.end(code, reason)
  }

  /** The network or the page goes away: links are closed, no hello is sent until `wake`. */
  suspend(code: string): void {
    if (!this.#at.isClosed && this.state !== 'suspended') this.#at.leaveLinks('suspended', code)
  }

  wake(): void {
    if (this.state !== 'suspended') return
    this.#at.go({ kind: this.#at.everWelcomed ? 'recovering' : 'connecting' })
  }

  // A page that leaves, and the next one.

  /** All that the next page needs to go on; null once it is over. */
  snapshot(where: Pick<Snapshot, 'segment' | 'owner'>): Snapshot | null {
    return this.#at.isClosed ? null : { ...where, ...this.#at.conversation.snapshot() }
  }

  /**
   * What was restored belongs to another page: what was emitted since goes into a session of our own.
   * @returns by how much the numbers of those fell
   */
  renounce(): number {
    const { newKey } = this.#at.options
    const { restoredEnd } = this.#at.conversation
    this.#at.conversation = this.#at.conversation.withoutRestored(newKey())
    this.#at.restored = false
    this.#at.everWelcomed = false
    return restoredEnd
  }

  /** A page that came after this one has gone on with the session, and left it here: it goes on from there. */
  adopt(snapshot: Snapshot): void {
    this.#at.adopt(snapshot)
  }

  /** Another page has the session now. */
  lose(): void {
    this.#at.beginAgain('taken_over', this.#at.conversation.ownEnding(), null)
  }

  // Inputs from the links.

  /** A link can carry frames. The newest asks for the session; the current one is used until that is welcomed. */
  linkOpened(link: LinkId): void {
    if (this.#at.isClosed || this.state === 'suspended') {
      this.#at.effects.closeLink(link, 'link_replaced')
      return
    }
    const former = this.#at.candidate
    this.#at.introduce(link)
    if (former) this.#at.effects.closeLink(former.link, 'link_replaced')
  }

  /** `auth` for the session that begins on this link. */
  authReady(link: LinkId, auth: unknown): void {
    const { candidate } = this.#at
    if (candidate?.link === link && candidate.received === null) this.#at.hello(candidate, auth)
  }

  linkFrame(link: LinkId, data: Data, now: number): void {
    this.#intake.take(link, data, now)
  }

  /** The link is lost, or was closed by the peer. */
  linkClosed(link: LinkId): void {
    this.#at.linkClosed(link)
  }

  /** All that is due leaves: at the end of a turn, at `dueAt()`, and when a link takes more again. */
  flush(now: number): void {
    this.#live?.flush(now, !this.#at.helloUnderWay)
  }

  get #live(): Live | null {
    return this.#at.live
  }

  #assertSendable(name: string): void {
    if (this.#at.isClosed) throw new LimpetError('session_closed')
    if (!isEventName(name)) throw new LimpetError('name_invalid')
  }
}
