/** What the server says to a session, and what follows from it. */
import { retryOf } from '../wire/codes.ts'
import {
  type Close,
  type Data,
  encodeClose,
  type Gone,
  type Message,
  parseServerFrame,
  type Welcome,
} from '../wire/frames.ts'
import type { LinkId } from './effects.ts'
import { Live } from './live.ts'
import type { Candidate, Standing } from './standing.ts'

export class Intake {
  readonly #at: Standing
  /** Counted frames of the server that were missed at the last resume, and the last of them. */
  #missed: { readonly total: number; readonly last: number } | null = null

  constructor(standing: Standing) {
    this.#at = standing
  }

  /** What the last resume brings. */
  get replay(): { readonly received: number; readonly total: number } | null {
    if (this.#missed === null) return null
    const { total, last } = this.#missed
    return { received: total - Math.max(0, last - this.#at.conversation.inbox.count), total }
  }

  take(link: LinkId, data: Data, now: number): void {
    const live = this.#at.live
    const isCurrent = live?.link === link
    if (!isCurrent && this.#at.candidate?.link !== link) return
    const message = parseServerFrame(data)
    if (!message) this.#at.drop(link, 'protocol_error')
    else if (message.type === 'close') this.#takeClose(link, message.close)
    else if (message.type === 'gone') this.#takeGone(link, message.gone)
    else if (message.type === 'drain') this.#at.effects.drainAfter(message.afterMs)
    else if (isCurrent) this.#takeLive(live, message, data, now)
    else this.#takeEarly(link, message)
  }

  /** On a link that has no welcome yet: neither side sends counted frames there. */
  #takeEarly(link: LinkId, message: Message): void {
    const { candidate, effects } = this.#at
    if (message.type === 'welcome' && candidate && candidate.received !== null)
      this.#takeWelcome(candidate, candidate.received, message.welcome)
    else if (message.type === 'retry') {
      this.#at.drop(link, 'busy')
      effects.retryAfter(message.afterMs)
    } else this.#at.drop(link, 'protocol_error')
  }

  #takeWelcome({ link }: Candidate, saidReceived: number, welcome: Welcome): void {
    const at = this.#at
    const { conversation, effects } = at
    const { id, inbox, outbox } = conversation
    if (!conversation.agrees(welcome)) {
      // This ends the session on the server too: shifted data must not go on.
      at.send(link, encodeClose('count_mismatch', ''))
      at.beginAgain('count_mismatch', conversation.ownEnding(), null)
      return
    }
    outbox.acknowledge(welcome.handled)
    conversation.id = welcome.id
    conversation.payloadBytes = welcome.limits.payloadBytes
    conversation.acknowledger.within(welcome.limits.outboxBytes)
    if (conversation.largestAbove(welcome.taken) > welcome.limits.payloadBytes) {
      // Emitted before the limit was known. It would be refused at every replay, and all that follows with it.
      const reason = `a message is larger than ${welcome.limits.payloadBytes} bytes`
      at.send(link, encodeClose('payload_too_large', reason))
      at.end('payload_too_large', reason)
      return
    }
    if (saidReceived === inbox.count) conversation.acknowledged()
    at.candidate = null
    at.everWelcomed = true
    const samePage = !at.restored
    at.restored = false
    const live = new Live(link, conversation, effects, welcome)
    const former = at.phase
    if (former.kind === 'connected') {
      // A move between two links: nothing was interrupted, so there is nothing to tell.
      at.phase = live
      if (!former.fenced) effects.closeLink(former.link, 'link_replaced')
      return
    }
    const replayed = outbox.end - welcome.taken
    const missed = Math.max(0, welcome.sent - inbox.count)
    this.#missed = { total: missed, last: welcome.sent }
    at.go(live)
    if (at.phase !== live) return
    if (id === null) effects.connect()
    else effects.resume({ replayed, missed, samePage })
  }

  /** On the link that carries the session. */
  #takeLive(live: Live, message: Message, data: Data, now: number): void {
    const { conversation, effects } = this.#at
    const { ordinal } = conversation
    switch (message.type) {
      case 'event': {
        const number = live.count(data, now)
        const { event, wantsAnswer } = message
        if (number !== null) effects.deliver({ ordinal, number, wantsAnswer, ...event })
        return
      }
      case 'answer':
        if (live.count(data, now) !== null && conversation.questions.delete(message.to))
          effects.settle(message.to, message.result)
        return
      case 'volatile':
        effects.deliver({ ordinal, number: 0, wantsAnswer: false, ...message.event })
        return
      case 'received':
        if (live.acknowledge(message.count)) return
        break
      case 'retry':
        // A link already in use stays in use.
        return
    }
    this.#at.drop(live.link, 'protocol_error')
  }

  #takeGone(link: LinkId, gone: Gone): void {
    const { conversation, options } = this.#at
    if (conversation.id !== null) {
      this.#at.beginAgain(gone.code, conversation.endingOf(gone), link)
      return
    }
    // A first welcome was lost and its session has ended since. Nothing ever left the outbox: a new key will do.
    conversation.key = options.newKey()
    this.#at.drop(link, gone.code)
  }

  #takeClose(link: LinkId, { code, reason, instance }: Close): void {
    const at = this.#at
    const ours = code === 'link_replaced' || (code === 'taken_over' && instance === at.options.instance)
    const retry = retryOf(code)
    if (!ours && retry !== 'now' && retry !== 'later') {
      at.end(code, reason)
      return
    }
    const live = this.#at.live
    if (ours && live?.link === link && at.candidate) {
      live.fenced = true
      at.effects.closeLink(link, code)
    } else at.drop(link, code)
  }
}
