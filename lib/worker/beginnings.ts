/** First hellos: each waits for `server.use`, then a session begins, or its link ends with a code. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Hello } from '../wire/frames.ts'
import type { HelloInfo, SessionData } from './api.ts'
import { Deadlines } from './deadlines.ts'
import type { Link } from './link.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { Turnstile } from './turnstile.ts'

export type Admitted =
  | { readonly ok: true; readonly data: SessionData }
  | { readonly ok: false; readonly code: string; readonly message: string }

export interface BeginningPorts {
  newId(): string
  /** `server.use`; neither throws nor rejects. */
  admit(hello: HelloInfo): Admitted | Promise<Admitted>
  wire(session: Session): void
}

/** What admission.ts knows of links. */
export interface Door {
  /** It is expected to say nothing until `use` has answered. */
  hold(link: Link): void
  /** It is still there, and carries nothing. */
  has(link: Link): boolean
  attach(session: Session, link: Link, hello: Hello): void
}

interface Waiting {
  readonly keyHash: string
  link: Link
  hello: Hello
}

export class Beginnings {
  readonly #sessions: Sessions
  readonly #ports: BeginningPorts
  readonly #door: Door
  readonly #turnstile: Turnstile
  readonly #now: () => number
  /** Those whose `use` has not answered, by key: a client that tries again finds itself here. */
  readonly #waiting = new Map<string, Waiting>()
  /** Of `use`. */
  readonly #deadlines = new Deadlines<Waiting>()

  constructor(
    sessions: Sessions,
    ports: BeginningPorts,
    door: Door,
    turnstile: Turnstile,
    now: () => number,
  ) {
    this.#sessions = sessions
    this.#ports = ports
    this.#door = door
    this.#turnstile = turnstile
    this.#now = now
  }

  get idle(): boolean {
    return this.#deadlines.empty
  }

  begin(link: Link, hello: Hello, keyHash: string): void {
    const waiting = this.#waiting.get(keyHash)
    if (waiting) return this.#again(waiting, link, hello)
    const wait = this.#turnstile.begin(keyHash, link.address)
    if (wait > 0) return this.#sessions.putOff(link, wait)
    this.#door.hold(link)
    const entry: Waiting = { keyHash, link, hello }
    this.#waiting.set(keyHash, entry)
    const info = {
      auth: hello.auth,
      address: link.address,
      headers: link.headers ?? ({} as IncomingHttpHeaders),
      segment: link.segment,
    }
    const result = this.#ports.admit(info)
    if (!(result instanceof Promise)) return this.#admitted(entry, result)
    void result.then((admitted) => this.#admitted(entry, admitted))
    const { useMs } = this.#sessions.limits
    if (useMs > 0) this.#deadlines.set(entry, this.#now() + useMs)
  }

  /** The client tried again while `use` was still at work: the later attempt waits in its place. */
  #again(waiting: Waiting, link: Link, hello: Hello): void {
    if (hello.instance === waiting.hello.instance && hello.attempt <= waiting.hello.attempt) {
      return this.#sessions.refuse(link, 'stale_attempt', 'a later attempt is waiting')
    }
    const old = waiting.link
    waiting.link = link
    waiting.hello = hello
    this.#door.hold(link)
    if (this.#door.has(old)) this.#sessions.refuse(old, 'link_replaced', '')
  }

  #admitted(entry: Waiting, admitted: Admitted): void {
    const { keyHash, link, hello } = entry
    // It took too long, and the client was told so.
    if (this.#waiting.get(keyHash) !== entry) return
    this.#waiting.delete(keyHash)
    // The client went away meanwhile; its next hello asks again.
    if (!this.#door.has(link)) return
    if (!admitted.ok) return this.#sessions.refuse(link, admitted.code, admitted.message)
    const id = this.#ports.newId()
    const { segment, address } = link
    const { state, turn } = this.#sessions
    turn.record({ type: 'opened', session: id, keyHash, segment, address, data: admitted.data })
    const session = state.sessions.get(id)!
    this.#door.attach(session, link, hello)
    this.#ports.wire(session)
    this.#sessions.enqueue(session, { kind: 'lifecycle', name: 'open' })
  }

  tick(now: number): void {
    this.#deadlines.expire(now, (entry) => {
      const { keyHash, link } = entry
      if (this.#waiting.get(keyHash) !== entry) return
      this.#waiting.delete(keyHash)
      if (this.#door.has(link)) this.#sessions.refuse(link, 'busy', 'server.use did not answer in time')
    })
  }
}
