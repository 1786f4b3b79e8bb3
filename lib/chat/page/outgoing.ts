/** What this page sends and the room has not yet told back; below the log, in the order it leaves. */
import type { Said } from '../events.ts'
import type { FileViews } from './file-view.ts'
import { lineOf, uploadOf } from './line.ts'
import { make, part } from './parts.ts'
import { fateWords, sizeWords } from './words.ts'

interface Entry {
  readonly room: string
  readonly row: HTMLLIElement
  readonly bar: HTMLProgressElement | null
}

export class Outgoing {
  readonly #list = part('outgoing', HTMLOListElement)
  readonly #files: FileViews
  readonly #entries = new Map<string, Entry>()
  #room = ''

  constructor(files: FileViews) {
    this.#files = files
  }

  show(room: string): void {
    this.#room = room
    const rows = [...this.#entries.values()].filter((entry) => entry.room === room).map(({ row }) => row)
    this.#list.replaceChildren(...rows)
  }

  sending(said: Said): void {
    const row = lineOf(said, true, this.#files)
    row.classList.add('pending', 'more')
    this.#add(said.ref, { room: said.room, row, bar: null })
  }

  uploading(room: string, { ref, name, size }: { ref: string; name: string; size: number }): void {
    this.#add(ref, { room, ...uploadOf(name, sizeWords(size)) })
  }

  progress(ref: string, share: number): void {
    const bar = this.#entries.get(ref)?.bar
    if (bar) bar.value = share
  }

  /** The room has told it. */
  settled(ref: string): void {
    this.#entries.get(ref)?.row.remove()
    this.#entries.delete(ref)
  }

  /** It stays, with the reason: its author may copy it. */
  failed(ref: string, error: unknown): void {
    const entry = this.#entries.get(ref)
    if (!entry) return
    entry.row.classList.replace('pending', 'failed')
    entry.bar?.remove()
    entry.row.append(make('small', 'fate', fateWords(error)))
  }

  #add(ref: string, entry: Entry): void {
    this.#entries.set(ref, entry)
    if (entry.room === this.#room) this.#list.append(entry.row)
  }
}
