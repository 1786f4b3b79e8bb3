/** The parts of index.html that scripts work with, by `data-part`. Throws where the page has none of that name and kind. */
export function part<T extends Element>(name: string, kind: new () => T, within: ParentNode = document): T {
  const found = within.querySelector(`[data-part="${name}"]`)
  if (!(found instanceof kind)) throw new Error(`the page has no part named ${name}`)
  return found
}

/** A new element. `text` is text, whatever it says. */
export function make<N extends keyof HTMLElementTagNameMap>(
  name: N,
  className = '',
  text: string | null = null,
): HTMLElementTagNameMap[N] {
  const element = document.createElement(name)
  if (className !== '') element.className = className
  if (text !== null) element.textContent = text
  return element
}

/** A button that sends no form. */
export function button(className: string, text: string, act: () => void): HTMLButtonElement {
  const made = make('button', className, text)
  made.type = 'button'
  made.addEventListener('click', act)
  return made
}

export function onSubmit(form: HTMLFormElement, act: () => unknown): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    act()
  })
}

/**
 * Rows are kept where nothing changed: a list that is read aloud, pressed or scrolled is not taken away meanwhile.
 * @param keyOf everything a row shows
 */
export function showRows<T>(
  list: HTMLElement,
  items: readonly T[],
  keyOf: (item: T) => string,
  make: (item: T) => HTMLElement,
): void {
  const kept = new Map([...list.children].map((row) => [(row as HTMLElement).dataset.row ?? '', row]))
  const rows = items.map((item) => {
    const key = keyOf(item)
    const row = kept.get(key) ?? make(item)
    ;(row as HTMLElement).dataset.row = key
    return row
  })
  for (const row of [...list.children]) if (!rows.includes(row)) row.remove()
  for (const [i, row] of rows.entries())
    if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null)
}
