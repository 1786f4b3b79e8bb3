/** Questions and replies on their way out: each behind the items that were appended before it. */

export interface Note {
  /** Number of the last of those items. */
  after: number
  /** In its envelope. */
  readonly bytes: Uint8Array
}

export class Notes {
  #queue: Note[] = []
  bytes = 0

  get empty(): boolean {
    return this.#queue.length === 0
  }

  push(note: Note): void {
    this.#queue.push(note)
    this.bytes += note.bytes.length
  }

  /** The next one, if items 1 … `cursor` are all it has to wait for: of `end`, as some may have been taken back. */
  shift(cursor: number, end: number): Uint8Array | null {
    const [note] = this.#queue
    if (!note || Math.min(note.after, end) > cursor) return null
    this.#queue.shift()
    this.bytes -= note.bytes.length
    return note.bytes
  }

  /** Nobody waits for its reply any more. */
  withdraw(note: Note): void {
    const at = this.#queue.indexOf(note)
    if (at < 0) return
    this.#queue.splice(at, 1)
    this.bytes -= note.bytes.length
  }

  clear(): void {
    this.#queue = []
    this.bytes = 0
  }
}
