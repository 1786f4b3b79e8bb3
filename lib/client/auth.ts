/** What `auth` says, for each hello that begins a session. */
import { LimpetError } from '../wire/codes.ts'

export class Auth {
  readonly #ask: () => unknown
  /** What was not answered, or not for a link that still waits. */
  #asking: Promise<unknown> | null = null

  constructor(ask: () => unknown) {
    this.#ask = ask
  }

  /**
   * Asking may take longer than the server waits for a hello: the next link goes on waiting for the same answer.
   * Throws what `auth` throws, and LimpetError `arguments_invalid`.
   * @returns null where nobody wants it any more
   */
  async answer(isWanted: () => boolean): Promise<{ readonly auth: unknown } | null> {
    this.#asking ??= Promise.resolve().then(this.#ask)
    const asking = this.#asking
    const forget = (): void => {
      if (this.#asking === asking) this.#asking = null
    }
    try {
      const auth = await asking
      assertJson(auth)
      if (!isWanted()) return null
      forget()
      return { auth }
    } catch (error) {
      forget()
      throw error
    }
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
