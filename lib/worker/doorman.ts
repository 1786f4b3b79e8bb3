/** `server.use`: whom the application lets in. Whatever it does ends in a value. */
import type { Logger } from 'pino'
import { LimpetError } from '../wire/codes.ts'
import type { HelloInfo } from './api.ts'
import type { Admitted } from './beginnings.ts'
import { FaultLog } from './fault-log.ts'
import { jsonObject } from './outgoing.ts'
import { isThenable } from './runner.ts'

export class Doorman {
  /** The application's; null: all are let in. */
  use: ((hello: HelloInfo) => unknown) | null = null
  readonly #faults: FaultLog
  readonly #payloadBytes: number

  /** @param payloadBytes what a session's data may have at most */
  constructor(log: Logger, payloadBytes: number) {
    this.#faults = new FaultLog(log, () => performance.now())
    this.#payloadBytes = payloadBytes
  }

  admit(hello: HelloInfo): Admitted | Promise<Admitted> {
    if (!this.use) return { ok: true, data: {} }
    try {
      const result = this.use(hello)
      if (isThenable(result))
        return Promise.resolve(result)
          .then((data) => this.#admitted(data))
          .catch((error: unknown) => this.#refused(error))
      return this.#admitted(result)
    } catch (error) {
      return this.#refused(error)
    }
  }

  #admitted(data: unknown): Admitted {
    if (data === undefined || data === null) return { ok: true, data: {} }
    try {
      return { ok: true, data: jsonObject(data, this.#payloadBytes) }
    } catch (error) {
      // The application's mistake, not a refusal of its own: the client learns no more than that.
      return this.#refused(new Error((error as Error).message))
    }
  }

  #refused(error: unknown): Admitted {
    if (error instanceof LimpetError) return { ok: false, code: error.code, message: error.message }
    this.#faults.fault(error, 'server.use failed')
    return { ok: false, code: 'refused', message: 'the server could not admit this client' }
  }
}
