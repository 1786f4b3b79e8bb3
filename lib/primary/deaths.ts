/** Whether a worker that died is started again, and when. Pure: the time is handed in. */

/** So many deaths in a row without having been ready for STABLE_MS end the server. */
const IN_A_ROW_MAX = 5
const STABLE_MS = 1000
/** So many in a minute do, too: an application that lives for a while and then ends its process. */
const A_MINUTE_MAX = 20
const MINUTE_MS = 60_000
/** Wait before the first new try; doubled at each death in a row. */
const BACK_OFF_MS = 50

export type Verdict =
  | { readonly kind: 'again'; readonly afterMs: number }
  /** `how`: "5 times in a row". */
  | { readonly kind: 'give up'; readonly how: string }

/** The deaths of one slot's processes. */
export class Deaths {
  #inARow = 0
  #recent: number[] = []

  /**
   * @param now ms
   * @param readyMs how long it had been ready; null when it never was
   */
  died(now: number, readyMs: number | null): Verdict {
    this.#inARow = readyMs !== null && readyMs >= STABLE_MS ? 1 : this.#inARow + 1
    this.#recent = [...this.#recent.filter((at) => now - at < MINUTE_MS), now]
    if (this.#inARow >= IN_A_ROW_MAX) return { kind: 'give up', how: `${this.#inARow} times in a row` }
    if (this.#recent.length >= A_MINUTE_MAX)
      return { kind: 'give up', how: `${this.#recent.length} times within a minute` }
    return { kind: 'again', afterMs: BACK_OFF_MS * 2 ** (this.#inARow - 1) }
  }
}
