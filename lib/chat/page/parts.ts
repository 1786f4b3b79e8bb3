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
