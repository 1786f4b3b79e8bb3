/**
 * Where a session stands: its state, the link that carries it, the one that asks for it, and how each of them ends. The
 * session machine's inputs are in session.ts.
 */
import { type AnswerResult, type Data, encodeHello, VERSION } from '../wire/frames.ts'
import { Conversation, type Ending } from './conversation.ts'
import type { ClientEffects, LinkId, StateName } from './effects.ts'
import type { Live } from './live.ts'
import type { Snapshot } from './snapshot.ts'

export type State = Live | { readonly kind: Exclude<StateName, 'connected'> }

/** A link that asks for the session and has no welcome yet. */
export interface Candidate {
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
  /** What an earlier page left: begins suspended, until this page is known to own it. */
  readonly snapshot?: Snapshot | null
}

export class Standing {
  readonly options: ClientSessionOptions
  readonly effects: ClientEffects
  phase: State
  candidate: Candidate | null = null
  conversation: Conversation
  everWelcomed = false
  /** The next resume is the first in this page. */
  restored = false
  #attempt = 0

  constructor(options: ClientSessionOptions) {
    const { effects, newKey, outboxBytes, snapshot } = options
    this.options = options
    this.effects = effects
    this.conversation = new Conversation(1, snapshot?.key ?? newKey(), outboxBytes)
    this.phase = { kind: snapshot ? 'suspended' : 'connecting' }
    if (snapshot) this.#restore(snapshot)
  }

  /** The link that carries the session. */
  get live(): Live | null {
    return this.phase.kind === 'connected' ? this.phase : null
  }

  get isClosed(): boolean {
    return this.phase.kind === 'closed'
  }

  get isWaiting(): boolean {
    return this.phase.kind === 'connecting' || this.phase.kind === 'recovering'
  }

  /** Its hello says an older count; a `received` that overtook it on the other link would make that look like a lie. */
  get helloUnderWay(): boolean {
    return this.candidate !== null && this.candidate.received !== null
  }

  go(to: State): void {
    const from = this.phase.kind
    this.phase = to
    this.effects.state(to.kind, from)
  }

  send(link: LinkId, frame: Data): void {
    this.effects.send(link, [frame])
  }

  /** This link asks for the session. */
  introduce(link: LinkId): void {
    this.candidate = { link, received: null }
    // Auth goes with every hello until one was welcomed: the server may have seen none of them.
    if (this.conversation.id === null) this.effects.needAuth(link)
    else this.hello(this.candidate, undefined)
  }

  hello(candidate: Candidate, auth: unknown): void {
    const { key, id, sent, inbox } = this.conversation
    const { instance } = this.options
    this.#attempt += 1
    candidate.received = inbox.count
    const counts = { sent, received: inbox.count, check: inbox.check }
    const identity = { version: VERSION, key, id: id ?? undefined, instance, attempt: this.#attempt }
    this.send(candidate.link, encodeHello({ ...identity, ...counts, auth }))
  }

  /** The link is lost, or was closed by the peer. */
  linkClosed(link: LinkId): void {
    const live = this.phase
    if (this.candidate?.link === link) {
      this.candidate = null
      if (live.kind === 'connected' && live.fenced) this.go({ kind: 'recovering' })
      return
    }
    if (live.kind !== 'connected' || live.link !== link) return
    // Between the fence and the candidate's welcome nothing is lost: the session moves.
    if (live.fenced && this.candidate) return
    this.go({ kind: 'recovering' })
  }

  /** This link ends, for a reason of this side; the session goes on. */
  drop(link: LinkId, code: string): void {
    this.linkClosed(link)
    this.effects.closeLink(link, code)
  }

  leaveLinks(kind: 'suspended' | 'closed', code: string): void {
    const links = this.#links()
    this.candidate = null
    this.go({ kind })
    for (const link of links) this.effects.closeLink(link, code)
  }

  /** The session is lost: its sends are settled and a new one begins, on `link` if that is still good. */
  beginAgain(code: string, ending: Ending, link: LinkId | null): void {
    const lost = this.conversation
    const others = this.#links().filter((other) => other !== link)
    const { newKey, outboxBytes } = this.options
    this.conversation = new Conversation(lost.ordinal + 1, newKey(), outboxBytes)
    this.conversation.payloadBytes = lost.payloadBytes
    this.candidate = null
    this.restored = false
    // First of all: a listener below may ask again, with numbers of the next session.
    this.#settle(lost.settleAll(ending))
    this.effects.settledUpTo(lost.ordinal, ending.handled)
    if (this.phase.kind === 'connected') this.go({ kind: 'recovering' })
    for (const other of others) this.effects.closeLink(other, code)
    if (this.isClosed) {
      if (link !== null) this.effects.closeLink(link, code)
      return
    }
    this.effects.discontinuity({ code, handled: ending.handled, pending: lost.pending(ending) })
    if (link === null) return
    // A listener may have closed or suspended it.
    if (this.isWaiting) this.introduce(link)
    else this.effects.closeLink(link, code)
  }

  /** The session is over, and with it this machine. */
  end(code: string, reason: string): void {
    const { conversation } = this
    const ending = conversation.ownEnding()
    this.leaveLinks('closed', code)
    this.#settle(conversation.settleAll(ending))
    this.effects.close({ code, reason })
  }

  /** A page that came after this one has gone on with the session, and left it here: it goes on from there. */
  adopt(snapshot: Snapshot): void {
    const { ordinal, outboxBytes } = this.conversation
    // Their answers may have come there.
    this.#settle(this.conversation.settleAll({ handled: 0, taken: Number.POSITIVE_INFINITY }))
    this.conversation = new Conversation(ordinal, snapshot.key, outboxBytes)
    this.#restore(snapshot)
  }

  #restore(snapshot: Snapshot): void {
    this.conversation.restore(snapshot)
    this.restored = true
    this.everWelcomed = snapshot.id !== null
  }

  #settle(settled: [number: number, result: AnswerResult][]): void {
    for (const [number, result] of settled) this.effects.settle(number, result)
  }

  #links(): LinkId[] {
    const links: LinkId[] = []
    if (this.phase.kind === 'connected') links.push(this.phase.link)
    if (this.candidate) links.push(this.candidate.link)
    return links
  }
}
