/** Runs an application's handlers. Whatever they do ends in a value: a throw or a rejection never leaves this file. */
import type { Logger } from 'pino'
import { LimpetError } from '../wire/codes.ts'
import type { AnswerResult } from '../wire/frames.ts'
import type { AppSession, Handler, Listener } from './app-session.ts'
import type { HandlerTime } from './handler-time.ts'
import type { Session, Task } from './session.ts'

const DONE: AnswerResult = { ok: true, value: undefined }

export class Runner {
  readonly #log: Logger
  readonly #time: HandlerTime | null

  /** @param time null: handlers take as long as they like */
  constructor(log: Logger, time: HandlerTime | null) {
    this.#log = log
    this.#time = time
  }

  run(session: Session, task: Task): AnswerResult | Promise<AnswerResult> {
    const app = session.handle as AppSession
    switch (task.kind) {
      case 'lifecycle': {
        const args =
          task.name === 'close' && session.phase.kind === 'closed'
            ? [{ code: session.phase.code, reason: session.phase.reason }]
            : []
        return this.#call(session, task.name, app.handlersOf(task.name, true), args)
      }
      case 'message': {
        const message = Object.freeze({
          id: `${session.id}:${task.number}`,
          redelivered: task.number <= session.redeliveredUpTo,
        })
        return this.#event(session, app, task.event.name, [...task.event.args, message])
      }
      case 'volatile':
        return this.#event(session, app, task.event.name, [
          ...task.event.args,
          Object.freeze({ id: '', redelivered: false }),
        ])
      case 'leave':
        return DONE
    }
  }

  #event(
    session: Session,
    app: AppSession,
    name: string,
    args: unknown[],
  ): AnswerResult | Promise<AnswerResult> {
    const listeners = app.handlersOf(name, false)
    if (listeners.length > 0) return this.#call(session, name, listeners, args)
    this.#log.debug({ session: session.id, event: name.slice(0, 64) }, 'nobody listens to this event')
    return { ok: false, code: 'no_handler', message: 'nobody listens to this event' }
  }

  #call(
    session: Session,
    name: string,
    listeners: readonly Listener[],
    args: unknown[],
  ): AnswerResult | Promise<AnswerResult> {
    if (!this.#time) return this.#callEach(session, name, listeners, args)
    return this.#time.limit(
      () => this.#callEach(session, name, listeners, args),
      () => this.#late(session, name),
    )
  }

  /** The first handler answers; the others run beside it, their failures are logged. */
  #callEach(
    session: Session,
    name: string,
    listeners: readonly Listener[],
    args: unknown[],
  ): AnswerResult | Promise<AnswerResult> {
    if (listeners.length === 1) return this.#callOne(session, name, listeners[0]!.handler, args)
    const results = listeners.map(({ handler }) => this.#callOne(session, name, handler, args))
    if (!results.some((result) => result instanceof Promise))
      return (results[0] as AnswerResult | undefined) ?? DONE
    return Promise.all(results).then((settled) => settled[0]!)
  }

  #callOne(
    session: Session,
    name: string,
    handler: Handler,
    args: unknown[],
  ): AnswerResult | Promise<AnswerResult> {
    try {
      const value = handler(...args)
      if (!isThenable(value)) return { ok: true, value }
      return Promise.resolve(value).then(
        (settled) => ({ ok: true, value: settled }),
        (error: unknown) => this.#failed(session, name, error),
      )
    } catch (error) {
      return this.#failed(session, name, error)
    }
  }

  #late(session: Session, name: string): AnswerResult {
    this.#log.warn({ session: session.id, event: name }, 'a handler did not end in time and was given up')
    return { ok: false, code: 'timeout', message: 'the handler did not end in time' }
  }

  /** The peer learns a code, the operator learns the cause. */
  #failed(session: Session, name: string, error: unknown): AnswerResult {
    if (error instanceof LimpetError) {
      this.#log.debug({ session: session.id, event: name, code: error.code }, error.message)
      return { ok: false, code: error.code, message: error.message }
    }
    this.#log.error({ err: error, session: session.id, event: name }, 'handler failed')
    return { ok: false, code: 'handler_failed', message: 'the handler failed' }
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
