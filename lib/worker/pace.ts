/**
 * How soon links are flushed again. A write costs the same whatever is in it, so where a flush takes long and finds
 * several frames for each link, the next one rests as long as this one took: more of them leave together. A flush
 * that is short, or finds one frame for each link, is followed by none. Pure: the time is handed in.
 */

/** More delay than this is never worth it. */
const REST_MS_MAX = 10

export class Pace {
  #restsUntil = 0

  /** @returns ms until links may be flushed; 0 or less: now */
  rest(now: number): number {
    return this.#restsUntil - now
  }

  /**
   * @param began ms, and `ended`: of the flush that is over
   * @param frames that left, with so many `writes`
   */
  flushed(began: number, ended: number, frames: number, writes: number): void {
    const together = writes === 0 ? 0 : Math.min(1, frames / writes - 1)
    this.#restsUntil = ended + Math.min(REST_MS_MAX, (ended - began) * together)
  }
}
