/**
 * The client: joins the session machine, the connector and the application's listeners.
 *
 * ```ts
 * const client = connect<ToServer, ToClient>('https://example.org')
 * client.on('said', (name, text) => show(name, text))
 * await client.emitWithAck('say', 'lobby', 'hello')
 * ```
 */
import { CODES, LimpetError } from '../wire/codes.ts'
import type { AnyEvents, Events } from '../wire/events.ts'
import type { AnswerResult } from '../wire/frames.ts'
import type { Client, ClientLifecycle } from './api.ts'
import { Auth } from './auth.ts'
import { Connector } from './connector.ts'
import type { ClientEffects, Delivery, StateName } from './effects.ts'
import { Keeper } from './keeper.ts'
import { type Listener, Listeners, type Outcome } from './listeners.ts'
import { type ClientOptions, parseOptions } from './options.ts'
import { PageLife } from './page-life.ts'
import { Pending } from './pending.ts'
import { ProgressWatch } from './progress.ts'
import { ClientSession } from './session.ts'
import { type Cancel, type Surroundings, surroundings, watchPage } from './surroundings.ts'
import { Turn } from './turn.ts'

const LIFECYCLE = {
  state: true,
  connect: true,
  suspend: true,
  resume: true,
  discontinuity: true,
  progress: true,
  close: true,
} as const satisfies Record<keyof ClientLifecycle, true>

/**
 * Returns at once and keeps trying until `close`. `connect('http://host:port')` means path `/api/`; another path is
 * used as it is; `ws:` and `wss:` do too.
 */
export function connect<ToServer extends Events = AnyEvents, ToClient extends Events = AnyEvents>(
  url: string | URL,
  options: ClientOptions = {},
): Client<ToServer, ToClient> {
  return connectIn<ToServer, ToClient>(surroundings, url, options)
}

/** `connect`, in surroundings of one's own. */
export function connectIn<ToServer extends Events = AnyEvents, ToClient extends Events = AnyEvents>(
  where: Surroundings,
  url: string | URL,
  options: ClientOptions = {},
): Client<ToServer, ToClient> {
  return new LiveClient(where, url, options) as unknown as Client<ToServer, ToClient>
}

/** `Client` without its types: they exist at compile time only. */
class LiveClient {
  readonly volatile = { emit: (name: string, ...args: unknown[]): void => this.#emitVolatile(name, args) }
  readonly #session: ClientSession
  readonly #connector: Connector
  readonly #where: Surroundings
  readonly #auth: Auth
  readonly #listeners: Listeners
  readonly #debug: (what: string, details: unknown) => void
  readonly #pending: Pending
  readonly #keeper: Keeper | null
  readonly #life: PageLife
  readonly #turn: Turn
  readonly #progress = new ProgressWatch((progress) => this.#tell('progress', progress))
  readonly #unwatch: Cancel

  constructor(where: Surroundings, url: string | URL, options: ClientOptions) {
    const { newToken, page, locks } = where
    const { storage, segment } = options
    this.#where = where
    this.#keeper = storage ? new Keeper(storage, String(url), locks, newToken) : null
    const snapshot = this.#keeper?.take(segment) ?? null
    const parsed = parseOptions(url, options, () => snapshot?.segment ?? newToken())
    const { connector, outboxBytes, debug } = parsed
    this.#debug = debug
    this.#listeners = new Listeners(where.report)
    const effects = this.#effects()
    const session = { instance: newToken(), outboxBytes, newKey: newToken, effects, snapshot }
    this.#session = new ClientSession(session)
    this.#pending = new Pending(this.#session, where)
    this.#turn = new Turn(this.#session, where, (now) => this.#flushed(now))
    this.#connector = new Connector(this.#session, connector, where, () => this.#turn.wake(), debug)
    this.#auth = new Auth(parsed.auth, this.#session, this.#connector, where)
    this.#life = new PageLife(this.#session, this.#connector, this.#pending, this.#keeper, parsed.segment)
    this.#unwatch = page ? watchPage(page, connector.target.hostname === 'localhost', this.#life) : () => {}
    void this.#life.begin(snapshot !== null)
    this.#connector.check(true)
  }

  get id(): string | null {
    return this.#session.id
  }

  get state(): StateName {
    return this.#session.state
  }

  get retryInMs(): number | null {
    return this.#connector.retryInMs
  }

  emit(name: string, ...args: unknown[]): void {
    this.#emit(name, args, false)
  }

  emitWithAck(name: string, ...args: unknown[]): Promise<unknown> {
    return this.#ask(name, args, null)
  }

  timeout(ms: number): { emitWithAck(name: string, ...args: unknown[]): Promise<unknown> } {
    return { emitWithAck: (name, ...args) => this.#ask(name, args, ms) }
  }

  settled(): Promise<boolean> {
    return this.#pending.settled()
  }

  on(name: string, listener: Listener): this {
    this.#listeners.add(name, listener, false)
    return this
  }

  once(name: string, listener: Listener): this {
    this.#listeners.add(name, listener, true)
    return this
  }

  off(name: string, listener?: Listener): this {
    this.#listeners.remove(name, listener)
    return this
  }

  cutLink(): void {
    this.#connector.cut()
  }

  close(): void {
    const code = 'closed_by_client'
    this.#connector.input(() => this.#session.close(code, CODES[code].text, this.#where.now()))
  }

  // What leaves.

  #emit(name: string, args: unknown[], wantsAnswer: boolean): number {
    if (Object.hasOwn(LIFECYCLE, name)) throw new LimpetError('name_invalid')
    const number = this.#session.emit(name, args, wantsAnswer)
    this.#turn.wake()
    return number
  }

  #emitVolatile(name: string, args: unknown[]): void {
    if (Object.hasOwn(LIFECYCLE, name)) throw new LimpetError('name_invalid')
    this.#session.emitVolatile(name, args)
    this.#turn.wake()
  }

  async #ask(name: string, args: unknown[], timeoutMs: number | null): Promise<unknown> {
    return this.#pending.question(this.#emit(name, args, true), timeoutMs)
  }

  #flushed(now: number): number {
    this.#pending.settle()
    this.#life.changed()
    const { emittedBytes, unwrittenBytes, replay } = this.#session
    const unsentBytes = unwrittenBytes === null ? null : unwrittenBytes + this.#connector.ahead
    return this.#progress.look(now, { emittedBytes, unsentBytes, replay })
  }

  // What the session machine asks for.

  #effects(): ClientEffects {
    return {
      send: (link, frames) => this.#connector.send(link, frames),
      writable: (link) => this.#connector.writable(link),
      closeLink: (link, code) => this.#connector.closeLink(link, code),
      needAuth: (link) => void this.#auth.need(link),
      state: (to, from) => {
        this.#tell('state', to)
        // A session that is lost on a live link has no id any more: `discontinuity` tells that. And a listener may have
        // closed it just now: nothing is told behind `close`.
        const waits = this.#session.id !== null && this.#session.state !== 'closed'
        if (from === 'connected' && waits) this.#tell('suspend')
      },
      deliver: (message) => this.#deliver(message),
      settle: (number, result) => this.#pending.answered(number, result),
      settledUpTo: (ordinal, handled) => this.#pending.lost(ordinal, handled),
      connect: () => this.#tell('connect'),
      resume: (info) => {
        if (info.missed > 0) this.#progress.replayBegins()
        this.#tell('resume', info)
      },
      discontinuity: (info) => {
        this.#progress.reset()
        this.#tell('discontinuity', info)
      },
      close: (info) => {
        this.#unwatch()
        this.#keeper?.forget()
        this.#tell('close', info)
      },
      retryAfter: (ms) => this.#connector.retryAfter(ms),
      drainAfter: (ms) => this.#connector.drainAfter(ms),
    }
  }

  #deliver(message: Delivery): void {
    const { name, args, wantsAnswer } = message
    // A peer must not be able to feign the client's own events.
    const isOurs = Object.hasOwn(LIFECYCLE, name)
    if (wantsAnswer) void this.#answer(message, isOurs ? undefined : this.#listeners.ask(name, args))
    else if (!isOurs) this.#listeners.tell(name, args)
  }

  async #answer(message: Delivery, first: Outcome | undefined): Promise<void> {
    let result: AnswerResult
    let cause: unknown = null
    try {
      if (!first) throw new LimpetError('no_handler')
      if (!first.ok) throw first.error
      result = { ok: true, value: await first.value }
    } catch (error) {
      // What happened inside is nobody else's business.
      const known = error instanceof LimpetError ? error : new LimpetError('handler_failed')
      if (known !== error) cause = error
      result = { ok: false, code: known.code, message: known.message }
    }
    this.#session.answer(message, result)
    this.#turn.wake()
    if (cause !== null) this.#where.report(cause)
  }

  #tell(name: keyof ClientLifecycle, ...args: unknown[]): void {
    this.#debug(name, args[0])
    this.#listeners.tell(name, args)
  }
}
