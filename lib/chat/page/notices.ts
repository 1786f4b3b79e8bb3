/** What went wrong, said above the message field without moving anything; read aloud at once. */
import { button, make, part } from './parts.ts'

const SHOWN_MS = 8000

export class Notices {
  readonly #place = part('alert', HTMLElement)
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    addEventListener('keydown', ({ key }) => key === 'Escape' && this.clear())
  }

  /** @param lasting until it is put away, with what can be done about it */
  say(text: string, lasting: { readonly label: string; readonly act: () => void } | null = null): void {
    clearTimeout(this.#timer)
    const words = make('p', '', text)
    words.dir = 'auto'
    const close = button('plain', '×', () => this.clear())
    close.ariaLabel = 'Dismiss'
    const box = make('div')
    box.append(words, ...(lasting ? [button('quiet', lasting.label, lasting.act)] : []), close)
    this.#place.replaceChildren(box)
    if (!lasting) this.#timer = setTimeout(() => this.clear(), SHOWN_MS)
  }

  clear(): void {
    clearTimeout(this.#timer)
    // Its button goes away under the finger that pressed it.
    if (this.#place.contains(document.activeElement)) part('text', HTMLTextAreaElement).focus()
    this.#place.replaceChildren()
  }
}
