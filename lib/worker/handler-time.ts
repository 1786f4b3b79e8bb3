/**
 * `--handler-ms`: a handler that takes longer is given up. Its message counts as handled, and it has no effects any more:
 * its async context tells whose effect one is.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { LimpetError } from '../wire/codes.ts'
import type { AnswerResult } from '../wire/frames.ts'

/** The handlers of one message. */
interface Run {
  over: boolean
}

export class HandlerTime {
  readonly #ms: number
  readonly #runs = new AsyncLocalStorage<Run>()

  constructor(ms: number) {
    this.#ms = ms
  }

  /** @param call never rejects. @param late what comes of it where it has not settled in time */
  limit(
    call: () => AnswerResult | Promise<AnswerResult>,
    late: () => AnswerResult,
  ): AnswerResult | Promise<AnswerResult> {
    const run: Run = { over: false }
    const result = this.#runs.run(run, call)
    if (!(result instanceof Promise)) return result
    return new Promise((resolve) => {
      // A timer each, not the wheel: entries of that stay until they are due, and most handlers end long before.
      const timer = setTimeout(() => {
        run.over = true
        resolve(late())
      }, this.#ms)
      void result.then((settled) => {
        clearTimeout(timer)
        resolve(settled)
      })
    })
  }

  /** Of every effect. Throws LimpetError `timeout`. */
  check(): void {
    if (this.#runs.getStore()?.over)
      throw new LimpetError('timeout', 'this handler ran past --handler-ms: its message counts as handled')
  }
}
