import type { Said } from '../events.ts'
import { fateWords, hueOf } from './words.ts'

const LINES_MAX = 500
/** Lines of one person within this many milliseconds stand under one name. */
const TOGETHER_MS = 300_000
const NEAR_END_PX = 80

export interface LogParts {
  readonly scroll: HTMLElement
  readonly lines: HTMLOListElement
  readonly outgoing: HTMLOListElement
  readonly fresh: HTMLButtonElement
}

/**
 * What was said, in the room's order, and below it what this page sends and the room has not yet told back.
 * Text of people goes through `textContent` only.
 */
export class Log {
  readonly #parts: LogParts
  readonly #outgoing = new Map<string, HTMLLIElement>()
  /** The lines shown, by `from/ref`: history and live messages overlap. */
  #shown = new Set<string>()
  #last: Said | null = null
  /** The reader is at the end, and new lines keep it in sight; else they only say that they are there. */
  #follows = true
  #lastNotice: HTMLLIElement | null = null

  constructor(parts: LogParts) {
    this.#parts = parts
    parts.fresh.addEventListener('click', () => this.#toEnd())
    parts.scroll.addEventListener('scroll', () => {
      const { scrollHeight, scrollTop, clientHeight } = parts.scroll
      this.#follows = scrollHeight - scrollTop - clientHeight < NEAR_END_PX
      if (this.#follows) parts.fresh.hidden = true
    })
    // A phone's keyboard or a long draft takes room from below: the end stays in sight.
    new ResizeObserver(() => {
      if (this.#follows) this.#toEnd()
    }).observe(parts.scroll)
  }

  /** For another room. */
  clear(): void {
    this.#parts.lines.replaceChildren()
    this.#parts.outgoing.replaceChildren()
    this.#outgoing.clear()
    this.#shown = new Set()
    this.#last = null
    this.#lastNotice = null
    this.#follows = true
    this.#parts.fresh.hidden = true
  }

  /** @returns false where it is shown already */
  said(said: Said, own: boolean): boolean {
    const key = `${said.from}/${said.ref}`
    if (this.#shown.has(key)) return false
    this.#shown.add(key)
    if (own) this.#settled(said.ref)
    const row = lineOf(said, own)
    row.dataset.key = key
    const last = this.#last
    row.classList.toggle('more', last?.from === said.from && said.at - last.at < TOGETHER_MS)
    this.#last = said
    this.#lastNotice = null
    this.#append(this.#parts.lines, row)
    this.#trim()
    return true
  }

  /** Something that happened, in one line; not twice in a row. */
  notice(text: string): void {
    if (this.#lastNotice?.textContent === text) return
    const row = document.createElement('li')
    row.className = 'notice'
    row.dir = 'auto'
    row.textContent = text
    this.#lastNotice = row
    this.#last = null
    this.#append(this.#parts.lines, row)
    this.#trim()
  }

  sending(said: Said): void {
    const row = lineOf(said, true)
    row.classList.add('pending', 'more')
    this.#outgoing.set(said.ref, row)
    this.#follows = true
    this.#append(this.#parts.outgoing, row)
  }

  /** The message stays, with the reason: its author may copy it. */
  failed(ref: string, error: unknown): void {
    const row = this.#outgoing.get(ref)
    if (!row) return
    const fate = document.createElement('span')
    fate.className = 'fate'
    fate.textContent = fateWords(error)
    row.classList.replace('pending', 'failed')
    row.append(fate)
    if (this.#follows) this.#toEnd()
  }

  #settled(ref: string): void {
    this.#outgoing.get(ref)?.remove()
    this.#outgoing.delete(ref)
  }

  #append(list: HTMLOListElement, row: HTMLLIElement): void {
    list.append(row)
    if (this.#follows) this.#toEnd()
    else this.#parts.fresh.hidden = false
  }

  #toEnd(): void {
    this.#follows = true
    this.#parts.scroll.scrollTop = this.#parts.scroll.scrollHeight
    this.#parts.fresh.hidden = true
  }

  #trim(): void {
    const { lines } = this.#parts
    while (lines.childElementCount > LINES_MAX) {
      const oldest = lines.firstElementChild as HTMLElement
      if (oldest.dataset.key !== undefined) this.#shown.delete(oldest.dataset.key)
      oldest.remove()
    }
  }
}

function lineOf(said: Said, own: boolean): HTMLLIElement {
  const row = document.createElement('li')
  row.className = `line ${hueOf(said.name)}`
  row.classList.toggle('own', own)
  const by = document.createElement('div')
  by.className = 'by'
  const name = document.createElement('b')
  name.dir = 'auto'
  name.textContent = said.name
  const time = document.createElement('time')
  const at = new Date(said.at)
  time.dateTime = at.toISOString()
  time.textContent = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  by.append(name, time)
  const text = document.createElement('p')
  text.dir = 'auto'
  text.textContent = said.text
  row.append(by, text)
  return row
}
