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
import { Connector } from './connector.ts'
import type { ClientEffects, Delivery, LinkId, StateName } from './effects.ts'
import { type Listener, Listeners } from './listeners.ts'
import { type ClientOptions, type ParsedOptions, parseOptions } from './options.ts'
import { ProgressWatch } from './progress.ts'
import { ClientSession } from './session.ts'
import { type Cancel, type Surroundings, surroundings, watchPage } from './surroundings.ts'

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
  const client = new LiveClient(where, parseOptions(url, options, where.newToken))
  return client as unknown as Client<ToServer, ToClient>
}

interface Question {
  resolve(value: unknown): void
  reject(error: LimpetError): void
}

interface Settling {
  readonly ordinal: number
  readonly number: number
  resolve(handled: boolean): void
}

/** A timer of more fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

/** `Client` without its types: they exist at compile time only. */
class LiveClient {
  readonly volatile = { emit: (name: string, ...args: unknown[]): void => this.#emitVolatile(name, args) }
  readonly #session: ClientSession
  readonly #connector: Connector
  readonly #where: Surroundings
  readonly #auth: () => unknown
  /** What `auth` has not answered, or not for a link that still waits. */
  #asking: Promise<unknown> | null = null
  readonly #listeners = new Listeners()
  /** By number in the current session: those of a lost one are settled before the next can have any. */
  readonly #questions = new Map<number, Question>()
  #settlings: Settling[] = []
  #flushQueued = false
  #acknowledgement: { readonly at: number; readonly cancel: Cancel } | null = null
  readonly #progress = new ProgressWatch((progress) => this.#tell('progress', [progress]))
  #progressTimer: Cancel | null = null
  readonly #unwatch: Cancel

  constructor(where: Surroundings, { connector, outboxBytes, auth }: ParsedOptions) {
    this.#where = where
    this.#auth = auth
    const { newToken, page } = where
    const effects = this.#effects()
    this.#session = new ClientSession({ instance: newToken(), outboxBytes, newKey: newToken, effects })
    this.#connector = new Connector(this.#session, connector, where, () => this.#wake())
    const watcher = {
      away: () => this.#connector.input(() => this.#session.suspend('link_lost')),
      back: () => this.#connector.input(() => this.#session.wake()),
      check: (surely: boolean) => this.#connector.check(surely),
    }
    const isLocal = connector.target.hostname === 'localhost'
    this.#unwatch = page ? watchPage(page, isLocal, watcher) : () => {}
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
    const { ordinal, emitted: number } = this.#session
    return new Promise((resolve) => {
      this.#settlings.push({ ordinal, number, resolve })
      this.#settle()
    })
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
    this.#wake()
    return number
  }

  #emitVolatile(name: string, args: unknown[]): void {
    if (Object.hasOwn(LIFECYCLE, name)) throw new LimpetError('name_invalid')
    this.#session.emitVolatile(name, args)
    this.#wake()
  }

  #ask(name: string, args: unknown[], timeoutMs: number | null): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const number = this.#emit(name, args, true)
      const outOfTime = (): void => {
        this.#questions.delete(number)
        this.#session.abandon(number)
        reject(new LimpetError('timeout'))
      }
      const cancel =
        timeoutMs === null ? () => {} : this.#where.setTimer(outOfTime, Math.min(timeoutMs, TIMER_MAX_MS))
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T): void => {
          cancel()
          settle(value)
        }
      }
      this.#questions.set(number, { resolve: settled(resolve), reject: settled(reject) })
    })
  }

  /** All frames of a turn leave in one go. */
  #wake(): void {
    if (this.#flushQueued) return
    this.#flushQueued = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#flushQueued = false
    this.#session.flush(this.#where.now())
    this.#settle()
    this.#watchProgress()
    const at = this.#session.dueAt()
    if (this.#acknowledgement?.at === at) return
    this.#acknowledgement?.cancel()
    this.#acknowledgement = null
    if (at === Number.POSITIVE_INFINITY) return
    const due = (): void => {
      this.#acknowledgement = null
      this.#flush()
    }
    const ms = Math.max(0, at - this.#where.now())
    this.#acknowledgement = { at, cancel: this.#where.setTimer(due, ms) }
  }

  #watchProgress(): void {
    this.#progressTimer?.()
    this.#progressTimer = null
    const { emittedBytes, unwrittenBytes, replay } = this.#session
    const unsentBytes = unwrittenBytes === null ? null : unwrittenBytes + this.#connector.ahead
    const ms = this.#progress.look(this.#where.now(), { emittedBytes, unsentBytes, replay })
    if (ms !== null) this.#progressTimer = this.#where.setTimer(() => this.#watchProgress(), ms)
  }

  #settle(): void {
    const { ordinal, handled, state } = this.#session
    this.#settlings = this.#settlings.filter((settling) => {
      const isHandled = settling.ordinal === ordinal && settling.number <= handled
      if (!isHandled && settling.ordinal === ordinal && state !== 'closed') return true
      settling.resolve(isHandled)
      return false
    })
  }

  // What the session machine asks for.

  #effects(): ClientEffects {
    return {
      send: (link, frames) => this.#connector.send(link, frames),
      writable: (link) => this.#connector.writable(link),
      closeLink: (link, code) => this.#connector.closeLink(link, code),
      needAuth: (link) => void this.#authenticate(link),
      state: (to, from) => {
        this.#tell('state', [to])
        // A session that is lost on a live link has no id any more: `discontinuity` tells that. And a listener may have
        // closed it just now: nothing is told behind `close`.
        const waits = this.#session.id !== null && this.#session.state !== 'closed'
        if (from === 'connected' && waits) this.#tell('suspend', [])
      },
      deliver: (message) => this.#deliver(message),
      settle: (number, result) => this.#answered(number, result),
      settledUpTo: (ordinal, handled) => {
        this.#settlings = this.#settlings.filter((settling) => {
          if (settling.ordinal !== ordinal) return true
          settling.resolve(settling.number <= handled)
          return false
        })
      },
      connect: () => this.#tell('connect', []),
      resume: (info) => {
        if (info.missed > 0) this.#progress.replayBegins()
        this.#tell('resume', [{ ...info, samePage: true }])
      },
      discontinuity: (info) => {
        this.#progress.reset()
        this.#tell('discontinuity', [info])
      },
      close: (info) => {
        this.#unwatch()
        this.#tell('close', [info])
      },
      retryAfter: (ms) => this.#connector.retryAfter(ms),
      drainAfter: (ms) => this.#connector.drainAfter(ms),
    }
  }

  async #authenticate(link: LinkId): Promise<void> {
    // Asking may take longer than the server waits for a hello: the next link goes on waiting for the same answer.
    this.#asking ??= Promise.resolve().then(this.#auth)
    const asking = this.#asking
    let auth: unknown
    try {
      auth = await asking
      assertJson(auth)
    } catch (error) {
      if (this.#asking === asking) this.#asking = null
      this.#connector.input(() => this.#refuse(link, error))
      return
    }
    if (this.#session.candidate !== link) return
    if (this.#asking === asking) this.#asking = null
    this.#connector.input(() => this.#session.authReady(link, auth))
  }

  /** Most often the network: then later. A LimpetError that says never ends the session. */
  #refuse(link: LinkId, error: unknown): void {
    if (this.#session.candidate !== link) return
    if (error instanceof LimpetError && (error.retry === 'never' || error.code === 'arguments_invalid')) {
      this.#session.close(error.code, error.message, this.#where.now())
      return
    }
    this.#where.report(error)
    this.#session.linkClosed(link)
    this.#connector.closeLink(link, 'busy')
  }

  #deliver(message: Delivery): void {
    // A peer must not be able to feign the client's own events.
    const listeners = Object.hasOwn(LIFECYCLE, message.name) ? [] : this.#listeners.take(message.name)
    const results = listeners.map((listener) => outcome(listener, message.args))
    const [first, ...rest] = results
    if (!message.wantsAnswer && first) rest.push(first)
    for (const result of rest) this.#ignore(result)
    if (message.wantsAnswer) void this.#answer(message, first)
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
    this.#wake()
    if (cause !== null) this.#where.report(cause)
  }

  #answered(number: number, result: AnswerResult): void {
    const question = this.#questions.get(number)
    this.#questions.delete(number)
    if (result.ok) question?.resolve(result.value)
    else question?.reject(new LimpetError(result.code, result.message))
  }

  #tell(name: keyof ClientLifecycle, args: unknown[]): void {
    for (const listener of this.#listeners.take(name)) this.#ignore(outcome(listener, args))
  }

  /** Nobody looks at the result, but a failure is told: an unhandled rejection would end a Node process. */
  #ignore(result: Outcome): void {
    const failed = (error: unknown): void => this.#where.report(error)
    if (!result.ok) failed(result.error)
    else if (result.value instanceof Promise) result.value.catch(failed)
  }
}

type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown }

function outcome(listener: Listener, args: unknown[]): Outcome {
  try {
    return { ok: true, value: listener(...(args as never[])) }
  } catch (error) {
    return { ok: false, error }
  }
}

/** `auth` that is no JSON would fail at every hello. */
function assertJson(auth: unknown): void {
  try {
    JSON.stringify(auth)
  } catch (error) {
    throw new LimpetError('arguments_invalid', `auth cannot be sent: ${(error as Error).message}`)
  }
}
