/** The link in words: its state, the next try, how long a word takes to the server and back. */
import { part } from './parts.ts'
import { type LinkState, type LinkWords, linkWords } from './words.ts'

const COUNTED_EVERY_MS = 250
const PINGED_EVERY_MS = 4000
/** A page that has just been loaded, or a link that catches up, is busy: a figure from then says nothing. */
const PINGED_AFTER_MS = 700
const BACK_SHOWN_MS = 6000

export interface Linked {
  readonly state: LinkState
  readonly retryInMs: number | null
}

export class LinkView {
  readonly #link: Linked
  readonly #sendPing: (number: number) => void
  readonly #words = part('link', HTMLElement)
  readonly #rtt = part('rtt', HTMLElement)
  /** Read aloud: not each second of a countdown, but what changed. */
  readonly #told = part('told', HTMLElement)
  #back: { readonly words: LinkWords; readonly until: number } | null = null
  /** When the ping under way left; null: none is. */
  #pinged: { readonly number: number; readonly at: number } | null = null
  #pings = 0

  /** @param sendPing volatile: one that cannot leave now is not sent later */
  constructor(link: Linked, sendPing: (number: number) => void) {
    this.#link = link
    this.#sendPing = sendPing
    setInterval(() => this.show(), COUNTED_EVERY_MS)
    setInterval(() => this.#ping(), PINGED_EVERY_MS)
    addEventListener('online', () => this.show())
    addEventListener('offline', () => this.show())
  }

  /** The session goes on; said for a while. */
  back(words: LinkWords): void {
    this.#back = { words, until: performance.now() + BACK_SHOWN_MS }
    this.show()
  }

  changed(): void {
    this.#back = null
    this.#pinged = null
    this.#rtt.textContent = ''
    if (this.#link.state === 'connected') setTimeout(() => this.#ping(), PINGED_AFTER_MS)
    this.show()
  }

  pong(number: number): void {
    if (this.#pinged?.number !== number) return
    const ms = performance.now() - this.#pinged.at
    this.#pinged = null
    this.#rtt.textContent = `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  }

  show(): void {
    const { state, retryInMs } = this.#link
    if (this.#back && performance.now() > this.#back.until) this.#back = null
    const words = this.#back?.words ?? linkWords(state, navigator.onLine, retryInMs)
    // Untouched where nothing changed: this runs four times a second.
    if (this.#words.textContent !== words.text) this.#words.textContent = words.text
    this.#words.dataset.tone = words.tone
    // Beside this one word alone: next to longer ones it would move, and a phone has no room for both.
    this.#rtt.hidden = words.text !== 'connected'
    const told = words.text.replace(/ in \d+ s$/, '…')
    if (this.#told.textContent !== told) this.#told.textContent = told
  }

  #ping(): void {
    if (this.#link.state !== 'connected' || document.hidden) return
    this.#pings += 1
    this.#pinged = { number: this.#pings, at: performance.now() }
    this.#sendPing(this.#pings)
  }
}
