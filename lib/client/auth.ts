/** What `auth` says, for each hello that begins a session. */
import { LimpetError } from '../wire/codes.ts'
import type { Connector } from './connector.ts'
import type { LinkId } from './effects.ts'
import type { ClientSession } from './session.ts'
import type { Surroundings } from './surroundings.ts'

export class Auth {
  readonly #ask: () => unknown
  readonly #session: ClientSession
  readonly #connector: Connector
  readonly #where: Surroundings
  /** What was not answered, or not for a link that still waits. */
  #asking: Promise<unknown> | null = null

  constructor(ask: () => unknown, session: ClientSession, connector: Connector, where: Surroundings) {
    this.#ask = ask
    this.#session = session
    this.#connector = connector
    this.#where = where
  }

  /** A hello on this link waits for it. */
  async need(link: LinkId): Promise<void> {
    // Asking may take longer than the server waits for a hello: the next link goes on waiting for the same answer.
    this.#asking ??= Promise.resolve().then(this.#ask)
    const asking = this.#asking
    const forget = (): void => {
      if (this.#asking === asking) this.#asking = null
    }
    try {
      const auth = await asking
      assertJson(auth)
      if (!this.#isWanted(link)) return
      forget()
      this.#connector.input(() => this.#session.authReady(link, auth))
    } catch (error) {
      forget()
      if (this.#isWanted(link)) this.#refuse(link, error)
    }
  }

  /** Most often the network: then later. A LimpetError that says never ends the session. */
  #refuse(link: LinkId, error: unknown): void {
    const isFinal =
      error instanceof LimpetError && (error.retry === 'never' || error.code === 'arguments_invalid')
    if (!isFinal) this.#where.report(error)
    this.#connector.input(() => {
      if (isFinal) this.#session.close(error.code, error.message, this.#where.now())
      else {
        this.#session.linkClosed(link)
        this.#connector.closeLink(link, 'busy')
      }
    })
  }

  #isWanted(link: LinkId): boolean {
    return this.#session.candidate?.link === link
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
