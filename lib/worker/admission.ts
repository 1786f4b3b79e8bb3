/**
 * Hello: who may take or begin a session. The rules of PROTOCOL.md, Identity and Resume.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { CODES } from '../wire/codes.ts'
import {
  type Data,
  encodeClose,
  encodeGone,
  encodeWelcome,
  type Hello,
  parseFrame,
  VERSION,
} from '../wire/frames.ts'
import { type BeginningPorts, Beginnings } from './beginnings.ts'
import { Deadlines } from './deadlines.ts'
import type { Link } from './link.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import { Turnstile } from './turnstile.ts'

export interface AdmissionPorts extends BeginningPorts {
  hashKey(key: string): string
}

/** A link without a session: expected to say hello, expected to do so once it has read `gone`, or waiting for `use`. */
type Stage = { readonly kind: 'fresh' | 'parted'; readonly until: number } | { readonly kind: 'admitting' }

export class Admission {
  readonly #sessions: Sessions
  readonly #ports: AdmissionPorts
  readonly #now: () => number
  readonly #stages = new Map<Link, Stage>()
  readonly #deadlines = new Deadlines<Link>()
  readonly #turnstile: Turnstile
  readonly #beginnings: Beginnings

  constructor(sessions: Sessions, ports: AdmissionPorts, now: () => number) {
    this.#sessions = sessions
    this.#ports = ports
    this.#now = now
    this.#turnstile = new Turnstile(sessions.limits, now)
    const door = {
      hold: (link: Link) => void this.#stages.set(link, { kind: 'admitting' }),
      has: (link: Link) => this.#stages.has(link),
      attach: (session: Session, link: Link, hello: Hello) => this.attach(session, link, hello),
    }
    this.#beginnings = new Beginnings(sessions, ports, door, this.#turnstile, now)
  }

  get idle(): boolean {
    return this.#deadlines.empty && this.#beginnings.idle
  }

  expect(link: Link, kind: 'fresh' | 'parted'): void {
    const until = this.#now() + this.#sessions.limits.helloMs
    this.#stages.set(link, { kind, until })
    this.#deadlines.set(link, until)
  }

  /** Parses nothing but hello: what else a client sent before it read `gone` belongs to the lost session. */
  frame(link: Link, data: Data): void {
    const stage = this.#stages.get(link)
    // A fenced link: nothing it delivers late counts.
    if (!stage) return
    const message = parseFrame(data, 'client')
    if (message?.type === 'hello') this.hello(link, message.hello)
    else if (message?.type === 'close') {
      this.forget(link)
      link.close()
    } else if (stage.kind !== 'parted')
      this.#sessions.refuse(link, 'protocol_error', message ? 'the first frame is hello' : 'malformed frame')
  }

  forget(link: Link): void {
    this.#stages.delete(link)
  }

  hello(link: Link, hello: Hello): void {
    if (this.#stages.get(link)?.kind === 'admitting')
      return this.#sessions.refuse(link, 'protocol_error', 'hello twice')
    if (hello.version !== VERSION)
      return this.#sessions.refuse(link, 'version_unsupported', `this server speaks version ${VERSION}`)
    const keyHash = this.#ports.hashKey(hello.key)
    const session = this.#sessions.state.byKey.get(keyHash)
    if (session) return this.#resume(session, link, hello)
    const tomb = this.#sessions.state.tombstones.get(keyHash)
    // Not of the session that is meant: its counts say nothing of that one.
    if (tomb && hello.id !== undefined && hello.id !== tomb.session)
      return this.#gone(link, 'session_unknown', 0, hello.sent)
    if (tomb?.says === 'close') return this.#sessions.refuse(link, tomb.code, tomb.reason)
    if (tomb) return this.#gone(link, tomb.code, tomb.handled, tomb.taken)
    // A session this worker knows nothing of: any of what the client sent may have been handled.
    if (hello.id !== undefined) return this.#gone(link, 'session_unknown', 0, hello.sent)
    // Nothing was ever sent under this key: a cursor past the outbox would never catch up.
    if (hello.received > 0 || hello.check !== 0)
      return this.#sessions.refuse(link, 'protocol_error', 'received more than was sent')
    this.#beginnings.begin(link, hello, keyHash)
  }

  // — resume —

  #resume(session: Session, link: Link, hello: Hello): void {
    if (isStale(session, hello))
      return this.#sessions.refuse(link, 'stale_attempt', 'a later attempt is connected')
    if (link.segment !== session.segment)
      return this.#gone(link, 'segment_mismatch', session.handled, session.reached)
    if (hello.id !== undefined && hello.id !== session.id) {
      // A late first hello made this one after the session meant was lost with its process: its counts say nothing
      // of that one, so any of what the client sent may have been handled.
      this.#sessions.end(session, 'session_unknown', 'another session was meant', 'forget')
      return this.#gone(link, 'session_unknown', 0, hello.sent)
    }
    // The client closed it: what it sent before is still being handled.
    if (session.leaving) return this.#gone(link, 'session_unknown', session.handled, session.reached)
    // `sent` may be less than was taken: the old link went on while this hello was under way. The client compares
    // the welcome's count and check with its own outbox.
    if (!countsAgree(session, hello)) {
      const { handled, reached } = session
      this.#sessions.end(session, 'count_mismatch', 'the two sides do not agree on what was sent', 'forget')
      return this.#gone(link, 'count_mismatch', handled, reached)
    }
    const wait = this.#turnstile.resume(session.keyHash, this.#sessions.graceOf(session))
    if (wait > 0) return this.#sessions.putOff(link, wait, session)
    const foreign = session.instance !== hello.instance
    const old = this.#sessions.fence(session)
    this.attach(session, link, hello)
    if (!old) return
    const code = foreign ? 'taken_over' : 'link_replaced'
    old.send([encodeClose(code, '', hello.instance)])
    old.close()
  }

  attach(session: Session, link: Link, hello: Hello): void {
    const wasSuspended = session.phase.kind === 'suspended'
    this.#stages.delete(link)
    link.headers = keptOf(link.headers)
    const { instance, attempt, received } = hello
    this.#sessions.turn.record({ type: 'attached', session: session.id, instance, attempt, received })
    if (session.recovered) session.redeliveredUpTo = hello.sent
    session.recovered = false
    session.link = link
    const { base } = session.outbox
    session.cursor = base
    session.bundle = null
    link.session = session
    const { limits, state } = this.#sessions
    const { graceMs, payloadBytes, outboxBytes } = limits
    session.before = [
      encodeWelcome({
        id: session.id,
        from: base + 1,
        taken: session.inbox.count,
        handled: session.handled,
        check: session.inbox.check,
        sent: session.outbox.end,
        graceMs,
        limits: { payloadBytes, outboxBytes },
      }),
    ]
    session.acknowledger.told()
    if (!session.reading) link.setReading(false)
    state.touch(session)
    if (!wasSuspended) return
    this.#sessions.resumed(session)
    this.#sessions.enqueue(session, { kind: 'lifecycle', name: 'resume' })
  }

  /** The link stays: a fresh hello may follow on it. */
  #gone(link: Link, code: string, handled: number, taken: number): void {
    // Nobody has proved anything yet: a link that does not read may not make this side hold its answers.
    if (!link.writable) {
      this.forget(link)
      link.terminate()
      return
    }
    // The counts may be of this very turn.
    this.#sessions.turn.afterwards(() => {
      if (this.#stages.get(link)?.kind === 'parted') link.send([encodeGone({ code, handled, taken })])
    })
    if (this.#stages.get(link)?.kind !== 'parted') this.expect(link, 'parted')
  }

  // — ends —

  tick(now: number): void {
    this.#deadlines.expire(now, (link) => {
      const stage = this.#stages.get(link)
      if (!stage || stage.kind === 'admitting') return
      if (stage.until > now) return this.#deadlines.set(link, stage.until)
      this.#sessions.refuse(link, 'hello_timeout', 'no hello came in time')
    })
    this.#beginnings.tick(now)
  }

  shutDown(code: 'draining' | 'shutting_down'): void {
    for (const link of [...this.#stages.keys()]) this.#sessions.refuse(link, code, CODES[code].text)
  }
}

/** What identifies a client that begins again on this link; the rest would be held for as long as the link lives. */
function keptOf(headers: IncomingHttpHeaders | null): IncomingHttpHeaders | null {
  if (!headers) return null
  const { cookie, authorization, origin } = headers
  if (!cookie && !authorization && !origin) return null
  return { ...(cookie && { cookie }), ...(authorization && { authorization }), ...(origin && { origin }) }
}

/**
 * A count below what the client has acknowledged since is honest: this hello was under way while another link went
 * on. The session continues behind what was acknowledged, and the client compares that with its own count.
 */
function countsAgree({ outbox }: Session, { received, check }: Hello): boolean {
  return received < outbox.base || outbox.checkAt(received) === check
}

/** An attempt not above the last one of that instance: a hello that was late on its way. */
function isStale(session: Session, hello: Hello): boolean {
  const last =
    session.instance === hello.instance ? session.attempt : session.formerAttempts?.get(hello.instance)
  return last !== undefined && hello.attempt <= last
}
