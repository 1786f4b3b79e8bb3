/** What a page's leaving, coming back and following another one mean for its session. */
import type { Connector } from './connector.ts'
import type { Keeper } from './keeper.ts'
import type { Pending } from './pending.ts'
import type { ClientSession } from './session.ts'
import type { PageWatcher } from './surroundings.ts'

export class PageLife implements PageWatcher {
  readonly #session: ClientSession
  readonly #connector: Connector
  readonly #pending: Pending
  readonly #keeper: Keeper | null
  readonly #segment: string
  /** It is not known yet whether this page may go on with what an earlier one left. */
  #isDeciding = false
  #isAway = false

  constructor(
    session: ClientSession,
    connector: Connector,
    pending: Pending,
    keeper: Keeper | null,
    segment: string,
  ) {
    this.#session = session
    this.#connector = connector
    this.#pending = pending
    this.#keeper = keeper
    this.#segment = segment
  }

  /** @param isRestored the session waits until it is known whose it is; one of our own does not */
  async begin(isRestored: boolean): Promise<void> {
    this.#isDeciding = isRestored
    const isOwner = await this.#keeper?.own()
    this.#isDeciding = false
    if (!isRestored) return
    if (isOwner === false) this.#pending.renumber(this.#session.renounce())
    this.#goOn()
  }

  away(isPage: boolean): void {
    this.#isAway = true
    this.#connector.input(() => this.#session.suspend('link_lost'))
    if (isPage) this.#save()
  }

  async back(): Promise<void> {
    this.#isAway = false
    if (this.#keeper?.isAway) {
      this.#isDeciding = true
      const found = await this.#keeper.comeBack()
      this.#isDeciding = false
      if (found === 'lost') this.#session.lose()
      else if (found !== 'same') this.#session.adopt(found)
    }
    this.#goOn()
  }

  check(surely: boolean): void {
    this.#connector.check(surely)
  }

  /** Something has changed: a page that is away writes it down, too. */
  changed(): void {
    if (this.#keeper?.isAway) this.#save()
  }

  #save(): void {
    const keeper = this.#keeper
    keeper?.leave(this.#session.snapshot({ segment: this.#segment, owner: keeper.owner }))
  }

  #goOn(): void {
    if (this.#isDeciding || this.#isAway || this.#session.state !== 'suspended') return
    this.#connector.input(() => this.#session.wake())
    this.#connector.check(true)
  }
}
