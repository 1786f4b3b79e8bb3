/** On narrow pages rooms and people are panels over the messages: one at a time, and Escape closes it. */
import { part } from './parts.ts'

const NAMES = ['rooms', 'people'] as const
type Name = (typeof NAMES)[number]

export class Panels {
  readonly #main = part('main', HTMLElement)
  readonly #panels = NAMES.map((name) => ({
    name,
    panel: part(`${name}-panel`, HTMLElement),
    toggle: part(`${name}-toggle`, HTMLButtonElement),
    close: part(`${name}-close`, HTMLButtonElement),
  }))
  #open: Name | null = null

  constructor() {
    for (const { name, toggle, close } of this.#panels) {
      toggle.addEventListener('click', () => this.#show(this.#open === name ? null : name, true))
      close.addEventListener('click', () => this.#show(null, true))
    }
    addEventListener('keydown', ({ key }) => key === 'Escape' && this.#show(null, true))
    // What is inert takes no clicks: they fall through to the body.
    document.body.addEventListener(
      'click',
      ({ target }) => target === document.body && this.#show(null, true),
    )
    // A wider page has no panels: what was behind one must be reachable again.
    matchMedia('(min-width: 70rem)').addEventListener('change', () => this.#show(null, false))
    matchMedia('(min-width: 48rem)').addEventListener('change', () => this.#show(null, false))
  }

  close(): void {
    this.#show(null, false)
  }

  #show(name: Name | null, movesFocus: boolean): void {
    const before = this.#panels.find((entry) => entry.name === this.#open)
    if (this.#open === name) return
    this.#open = name
    for (const entry of this.#panels) {
      entry.panel.classList.toggle('open', entry.name === name)
      entry.toggle.setAttribute('aria-expanded', String(entry.name === name))
    }
    // What a panel covers is out of reach, for keys and screen readers alike.
    this.#main.inert = name !== null
    if (!movesFocus) return
    if (name === null) before?.toggle.focus()
    else this.#panels.find((entry) => entry.name === name)?.close.focus()
  }
}
