/**
 * The client's session machine. No timers, no sockets, no clock: inputs come with `now` in ms, effects go out through
 * `ClientEffects`. It outlives its links, and goes on with a new session where the old one cannot be resumed.
 *
 * After a turn's inputs call `flush(now)`, and again at `dueAt()`.
 */
import { LimpetError, retryOf } from '../wire/codes.ts'
import {
  type AnswerResult,
  type Close,
  type Data,
  encodeClose,
  encodeHello,
  type Gone,
  isEventName,
  type Message,
  parseFrame,
  VERSION,
  type Welcome,
} from '../wire/frames.ts'
import { Conversation, type Ending } from './conversation.ts'
import type { ClientEffects, Delivery, LinkId, StateName } from './effects.ts'
import { Live } from './live.ts'
import { assertTransition } from './transitions.ts'

type State = Live | { readonly kind: Exclude<StateName, 'connected'> }

/** A link that asks for the session and has no welcome yet. */
interface Candidate {
  readonly link: LinkId
  /** `received` as its hello said it; null while the hello waits for auth. */
  received: number | null
}

export interface ClientSessionOptions {
  /** Random per page or process. */
  readonly instance: string
  /** Most bytes of messages not yet handled; one larger message may wait alone. */
  readonly outboxBytes: number
  /** 128 fresh random bits, base64url. */
  readonly newKey: () => string
  readonly effects: ClientEffects
}

export class ClientSession {
  readonly #options: ClientSessionOptions
  readonly #effects: ClientEffects
  #state: State = { kind: 'connecting' }
  #candidate: Candidate | null = null
  #conversation: Conversation
  #attempt = 0
  #everWelcomed = false
  /** Counted frames of the server that were missed at the last resume, and the last of them. */
  #replay: { readonly total: number; readonly last: number } | null = null

  constructor(options: ClientSessionOptions) {
    this.#options = options
    this.#effects = options.effects
    this.#conversation = new Conversation(1, options.newKey(), options.outboxBytes)
  }

  // Read state.

  get state(): StateName {
    return this.#state.kind
  }

  /** null until welcome. */
  get id(): string | null {
    return this.#conversation.id
  }

  /** 1 for the first session; rises with every discontinuity. */
  get ordinal(): number {
    return this.#conversation.ordinal
  }

  /** Messages 1 … emitted of this session exist. */
  get emitted(): number {
    return this.#conversation.outbox.end
  }

  /** Messages 1 … handled are known to be handled. */
  get handled(): number {
    return this.#conversation.outbox.base
  }

  /** Bytes of all messages of this session. */
  get emittedBytes(): number {
    return this.#conversation.emittedBytes
  }

  /** How many of those were given to no link; null without one. */
  get unwrittenBytes(): number | null {
    return this.#state.kind === 'connected' ? this.#state.unwrittenBytes : null
  }

  /** What the last resume brings, until the link is lost. */
  get replay(): { readonly received: number; readonly total: number } | null {
    if (this.#replay === null || this.#state.kind !== 'connected') return null
    const { total, last } = this.#replay
    return { received: total - Math.max(0, last - this.#conversation.inbox.count), total }
  }

  /** The link that carries the session. */
  get link(): LinkId | null {
    return this.#state.kind === 'connected' ? this.#state.link : null
  }

  /** The link whose welcome is awaited. */
  get candidate(): LinkId | null {
    return this.#candidate?.link ?? null
  }

  /** When `flush` has something to say by time alone; Infinity when nothing is owed. */
  dueAt(): number {
    const live = this.#state
    if (live.kind !== 'connected' || !live.writable || this.#helloUnderWay()) return Number.POSITIVE_INFINITY
    return this.#conversation.acknowledger.dueAt
  }

  // Inputs from the application.

  /**
   * @returns the event's number in this session
   * Throws LimpetError: `session_closed`, `name_invalid`, `arguments_invalid`, `payload_too_large`, `outbox_full`.
   */
  emit(name: string, args: unknown[], wantsAnswer = false): number {
    this.#assertSendable(name)
    return this.#conversation.emit(name, args, wantsAnswer)
  }

  /** Nobody waits for this answer any more; when it comes, it is counted and told to nobody. */
  abandon(number: number): void {
    this.#conversation.questions.delete(number)
  }

  /** Dropped where no link can take it now. Throws as `emit` does, but never `outbox_full`. */
  emitVolatile(name: string, args: unknown[]): void {
    this.#assertSendable(name)
    const data = this.#conversation.volatile(name, args)
    if (this.#state.kind === 'connected') this.#state.volatile(data)
  }

  /** Answers a delivered question, once. */
  answer(to: Delivery, result: AnswerResult): void {
    if (this.#state.kind === 'closed' || to.ordinal !== this.#conversation.ordinal) return
    this.#conversation.answer(to.number, result)
  }

  /** Ends the session for good; tells the server, if a link is there, behind all that was emitted before. */
  close(code: string, reason: string, now: number): void {
    if (this.#state.kind === 'connected') this.#state.flush(now, false, 'all')
    if (this.#isClosed()) return
    const farewell = [encodeClose(code, reason)]
    if (this.#state.kind === 'connected' && !this.#state.fenced)
      this.#effects.send(this.#state.link, farewell)
    if (this.#candidate && this.#helloUnderWay()) this.#effects.send(this.#candidate.link, farewell)
    this.#end(code, reason)
  }

  /** The network or the page goes away: links are closed, no hello is sent until `wake`. */
  suspend(code: string): void {
    if (this.#state.kind === 'closed' || this.#state.kind === 'suspended') return
    this.#leaveLinks({ kind: 'suspended' }, code)
  }

  wake(): void {
    if (this.#state.kind !== 'suspended') return
    this.#go({ kind: this.#everWelcomed ? 'recovering' : 'connecting' })
  }

  // Inputs from the links.

  /** A link can carry frames. The newest asks for the session; the current one is used until that is welcomed. */
  linkOpened(link: LinkId): void {
    if (this.#state.kind === 'closed' || this.#state.kind === 'suspended') {
      this.#effects.closeLink(link, 'link_replaced')
      return
    }
    const former = this.#candidate
    this.#introduce(link)
    if (former) this.#effects.closeLink(former.link, 'link_replaced')
  }

  /** `auth` for the session that begins on this link. */
  authReady(link: LinkId, auth: unknown): void {
    if (this.#candidate?.link === link && this.#candidate.received === null)
      this.#hello(this.#candidate, auth)
  }

  linkFrame(link: LinkId, data: Data, now: number): void {
    const live = this.#state
    const isCurrent = live.kind === 'connected' && live.link === link
    if (!isCurrent && this.#candidate?.link !== link) return
    const message = parseFrame(data, 'server')
    if (!message) this.#breakLink(link)
    else if (message.type === 'close') this.#takeClose(link, message.close)
    else if (message.type === 'gone') this.#takeGone(link, message.gone)
    else if (message.type === 'drain') this.#effects.drainAfter(message.afterMs)
    else if (isCurrent) this.#takeLive(live, message, data, now)
    else this.#takeEarly(link, message)
  }

  /** The link is lost, or was closed by the peer. */
  linkClosed(link: LinkId): void {
    const live = this.#state
    if (this.#candidate?.link === link) {
      this.#candidate = null
      if (live.kind === 'connected' && live.fenced) this.#go({ kind: 'recovering' })
      return
    }
    if (live.kind !== 'connected' || live.link !== link) return
    // Between the fence and the candidate's welcome nothing is lost: the session moves.
    if (live.fenced && this.#candidate) return
    this.#go({ kind: 'recovering' })
  }

  /** All that is due leaves: at the end of a turn, at `dueAt()`, and when a link takes more again. */
  flush(now: number): void {
    if (this.#state.kind === 'connected') this.#state.flush(now, !this.#helloUnderWay())
  }

  // What the server says.

  /** On a link that has no welcome yet: neither side sends counted frames there. */
  #takeEarly(link: LinkId, message: Message): void {
    const candidate = this.#candidate
    if (message.type === 'welcome' && candidate && candidate.received !== null)
      this.#takeWelcome(candidate, candidate.received, message.welcome)
    else if (message.type === 'retry') {
      this.linkClosed(link)
      this.#effects.closeLink(link, 'busy')
      this.#effects.retryAfter(message.afterMs)
    } else this.#breakLink(link)
  }

  #takeWelcome({ link }: Candidate, saidReceived: number, welcome: Welcome): void {
    const conversation = this.#conversation
    const { id, inbox, outbox } = conversation
    if (!conversation.agrees(welcome)) {
      // This ends the session on the server too: shifted data must not go on.
      this.#effects.send(link, [encodeClose('count_mismatch', '')])
      this.#beginAgain('count_mismatch', conversation.ownEnding(), null)
      return
    }
    outbox.acknowledge(welcome.handled)
    conversation.id = welcome.id
    conversation.payloadBytes = welcome.limits.payloadBytes
    conversation.acknowledger.within(welcome.limits.outboxBytes)
    if (conversation.largestAbove(welcome.taken) > welcome.limits.payloadBytes) {
      // Emitted before the limit was known. It would be refused at every replay, and all that follows with it.
      const reason = `a message is larger than ${welcome.limits.payloadBytes} bytes`
      this.#effects.send(link, [encodeClose('payload_too_large', reason)])
      this.#end('payload_too_large', reason)
      return
    }
    if (saidReceived === inbox.count) conversation.acknowledged()
    this.#candidate = null
    this.#everWelcomed = true
    const live = new Live(link, conversation, this.#effects, welcome)
    const former = this.#state
    if (former.kind === 'connected') {
      // A move between two links: nothing was interrupted, so there is nothing to tell.
      this.#state = live
      if (!former.fenced) this.#effects.closeLink(former.link, 'link_replaced')
      return
    }
    const replayed = outbox.end - welcome.taken
    const missed = Math.max(0, welcome.sent - inbox.count)
    this.#replay = { total: missed, last: welcome.sent }
    this.#go(live)
    if (this.#state !== live) return
    if (id === null) this.#effects.connect()
    else this.#effects.resume({ replayed, missed })
  }

  /** On the link that carries the session. */
  #takeLive(live: Live, message: Message, data: Data, now: number): void {
    const conversation = this.#conversation
    const { ordinal } = conversation
    switch (message.type) {
      case 'event': {
        const number = live.count(data, now)
        const { event, wantsAnswer } = message
        if (number !== null) this.#effects.deliver({ ordinal, number, wantsAnswer, ...event })
        return
      }
      case 'answer':
        if (live.count(data, now) !== null && conversation.questions.delete(message.to))
          this.#effects.settle(message.to, message.result)
        return
      case 'volatile':
        this.#effects.deliver({ ordinal, number: 0, wantsAnswer: false, ...message.event })
        return
      case 'received':
        if (!live.acknowledge(message.count)) this.#breakLink(live.link)
        return
      case 'retry':
        // A link already in use stays in use.
        return
      default:
        this.#breakLink(live.link)
    }
  }

  #takeGone(link: LinkId, gone: Gone): void {
    const conversation = this.#conversation
    if (conversation.id !== null) {
      this.#beginAgain(gone.code, conversation.endingOf(gone), link)
      return
    }
    // A first welcome was lost and its session has ended since. Nothing ever left the outbox: a new key will do.
    conversation.key = this.#options.newKey()
    this.linkClosed(link)
    this.#effects.closeLink(link, gone.code)
  }

  #takeClose(link: LinkId, { code, reason, instance }: Close): void {
    const ours = code === 'link_replaced' || (code === 'taken_over' && instance === this.#options.instance)
    const retry = retryOf(code)
    if (!ours && retry !== 'now' && retry !== 'later') {
      this.#end(code, reason)
      return
    }
    const live = this.#state
    if (ours && live.kind === 'connected' && live.link === link && this.#candidate) live.fenced = true
    else this.linkClosed(link)
    this.#effects.closeLink(link, code)
  }

  // Write state.

  #go(to: State): void {
    const from = this.#state.kind
    assertTransition(from, to.kind)
    this.#state = to
    this.#effects.state(to.kind, from)
  }

  #introduce(link: LinkId): void {
    this.#candidate = { link, received: null }
    // Auth goes with every hello until one was welcomed: the server may have seen none of them.
    if (this.#conversation.id === null) this.#effects.needAuth(link)
    else this.#hello(this.#candidate, undefined)
  }

  #hello(candidate: Candidate, auth: unknown): void {
    const { key, id, sent, inbox } = this.#conversation
    const { instance } = this.#options
    this.#attempt += 1
    candidate.received = inbox.count
    const counts = { sent, received: inbox.count, check: inbox.check }
    const identity = { version: VERSION, key, id: id ?? undefined, instance, attempt: this.#attempt }
    this.#effects.send(candidate.link, [encodeHello({ ...identity, ...counts, auth })])
  }

  /** The session is lost: its sends are settled and a new one begins, on `link` if that is still good. */
  #beginAgain(code: string, ending: Ending, link: LinkId | null): void {
    const lost = this.#conversation
    const others = this.#links().filter((other) => other !== link)
    const { newKey, outboxBytes } = this.#options
    this.#conversation = new Conversation(lost.ordinal + 1, newKey(), outboxBytes)
    this.#conversation.payloadBytes = lost.payloadBytes
    this.#candidate = null
    // First of all: a listener below may ask again, with numbers of the next session.
    for (const [number, result] of lost.settleAll(ending)) this.#effects.settle(number, result)
    this.#effects.settledUpTo(lost.ordinal, ending.handled)
    if (this.#state.kind === 'connected') this.#go({ kind: 'recovering' })
    for (const other of others) this.#effects.closeLink(other, code)
    if (this.#isClosed()) {
      if (link !== null) this.#effects.closeLink(link, code)
      return
    }
    this.#effects.discontinuity({ code, handled: ending.handled, pending: lost.pending(ending) })
    if (link === null) return
    // A listener may have closed or suspended it.
    if (this.#isWaiting()) this.#introduce(link)
    else this.#effects.closeLink(link, code)
  }

  /** The session is over, and with it this machine. */
  #end(code: string, reason: string): void {
    const conversation = this.#conversation
    const ending = conversation.ownEnding()
    this.#leaveLinks({ kind: 'closed' }, code)
    for (const [number, result] of conversation.settleAll(ending)) this.#effects.settle(number, result)
    this.#effects.close({ code, reason })
  }

  #leaveLinks(to: State, code: string): void {
    const links = this.#links()
    this.#candidate = null
    this.#go(to)
    for (const link of links) this.#effects.closeLink(link, code)
  }

  /** The server broke the protocol here: this link ends, the session asks again on another. */
  #breakLink(link: LinkId): void {
    this.linkClosed(link)
    this.#effects.closeLink(link, 'protocol_error')
  }

  /** Its hello says an older count; a `received` that overtook it on the other link would make that look like a lie. */
  #helloUnderWay(): boolean {
    return this.#candidate !== null && this.#candidate.received !== null
  }

  #isClosed(): boolean {
    return this.#state.kind === 'closed'
  }

  #isWaiting(): boolean {
    return this.#state.kind === 'connecting' || this.#state.kind === 'recovering'
  }

  #links(): LinkId[] {
    const links: LinkId[] = []
    if (this.#state.kind === 'connected') links.push(this.#state.link)
    if (this.#candidate) links.push(this.#candidate.link)
    return links
  }

  #assertSendable(name: string): void {
    if (this.#state.kind === 'closed') throw new LimpetError('session_closed')
    if (!isEventName(name)) throw new LimpetError('name_invalid')
  }
}
