/** One line of the log. Text of people goes through `textContent` only. */
import type { Said } from '../events.ts'
import type { FileViews } from './file-view.ts'
import { make } from './parts.ts'
import { hueOf, initialOf } from './words.ts'

/** Lines of one person within this many milliseconds stand under one name. */
const TOGETHER_MS = 300_000

export function lineOf(said: Said, own: boolean, files: FileViews): HTMLLIElement {
  const row = make('li', `line ${hueOf(said.name)}`)
  row.classList.toggle('own', own)
  const face = make('span', 'face', initialOf(said.name))
  face.ariaHidden = 'true'
  const by = make('div', 'by')
  const name = make('b', '', said.name)
  name.dir = 'auto'
  by.append(name, timeOf(said.at))
  row.append(face, by)
  if (said.text !== '') {
    const text = make('p', '', said.text)
    text.dir = 'auto'
    row.append(text)
  }
  if (said.file) row.append(files.of(said.file))
  return row
}

/** A file that is still on its way there. */
export function uploadOf(name: string, size: string): { row: HTMLLIElement; bar: HTMLProgressElement } {
  const row = make('li', 'line own pending more')
  const figure = make('figure', 'file')
  const caption = make('figcaption')
  const words = make('span', 'words')
  const title = make('span', 'name', name)
  title.dir = 'auto'
  const bar = make('progress')
  bar.max = 1
  bar.value = 0
  bar.ariaLabel = `Sending ${name}`
  words.append(title, make('small', '', size))
  caption.append(words, bar)
  figure.append(caption)
  row.append(figure)
  return { row, bar }
}

export function isTogether(said: Said, last: Said | null): boolean {
  return last?.from === said.from && said.at - last.at < TOGETHER_MS && isSameDay(said.at, last.at)
}

export function isSameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString()
}

export function dayOf(at: number): HTMLLIElement {
  const words = new Date(at).toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long' })
  return make('li', 'day', words)
}

function timeOf(at: number): HTMLTimeElement {
  const when = new Date(at)
  const time = make('time', '', when.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }))
  time.dateTime = when.toISOString()
  return time
}
