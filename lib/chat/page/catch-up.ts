/** After a resume: counts what comes of what was missed, and says so when all of it has come. */
import type { Progress } from '../../client/index.ts'
import { backWords, type LinkWords } from './words.ts'

/** A replay of fewer messages is over before it is read. */
const TOLD_FROM = 20

export class CatchUp {
  /** Lines of others since the link came back; null while nothing is being caught up. */
  #lines: number | null = null
  readonly #tell: (words: LinkWords) => void
  readonly #done: (lines: number) => void

  constructor(tell: (words: LinkWords) => void, done: (lines: number) => void) {
    this.#tell = tell
    this.#done = done
  }

  /** @param missed messages of all kinds that come now */
  begin(missed: number): void {
    this.#lines ??= 0
    if (missed === 0) this.#end()
  }

  line(): void {
    if (this.#lines !== null) this.#lines += 1
  }

  progress(progress: Progress): void {
    if (progress.of !== 'replay' || this.#lines === null) return
    const { received, total } = progress
    if (received === total) this.#end()
    else if (total >= TOLD_FROM) this.#tell({ text: `catching up: ${received} of ${total}`, tone: 'wait' })
  }

  /** The session is lost: nothing of it comes any more. */
  abandon(): void {
    this.#lines = null
  }

  #end(): void {
    const lines = this.#lines ?? 0
    this.#lines = null
    this.#done(lines)
    this.#tell(backWords(lines))
  }
}
