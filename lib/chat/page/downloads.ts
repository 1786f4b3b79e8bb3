/** Files that this page holds, and how it gets those it does not: part by part, one at a time. */
import type { Attachment } from '../events.ts'

/** What is kept; past it the oldest go, and are fetched again when they are wanted. */
const KEPT_BYTES = 64 * 1024 * 1024

export type Fetch = (id: string, part: number) => Promise<Uint8Array>

export class Downloads {
  readonly #fetch: Fetch
  readonly #kept = new Map<string, Uint8Array>()
  #keptBytes = 0
  readonly #underWay = new Map<string, Promise<Uint8Array>>()
  /** One part is on its way at any time: what is said meanwhile is not kept waiting, nor the server's memory filled. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  /** What was uploaded here is here. */
  keep(id: string, bytes: Uint8Array): void {
    if (this.#kept.has(id)) return
    this.#kept.set(id, bytes)
    this.#keptBytes += bytes.length
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES || oldest === id) return
      this.#kept.delete(oldest)
      this.#keptBytes -= length
    }
  }

  /** @param progress of 0 to 1 */
  get(file: Attachment, progress: (share: number) => void): Promise<Uint8Array> {
    const kept = this.#kept.get(file.id)
    if (kept) return Promise.resolve(kept)
    const underWay = this.#underWay.get(file.id)
    if (underWay) return underWay
    const started = this.#all(file, progress).finally(() => this.#underWay.delete(file.id))
    this.#underWay.set(file.id, started)
    return started
  }

  async #all({ id, size, parts }: Attachment, progress: (share: number) => void): Promise<Uint8Array> {
    const bytes = new Uint8Array(size)
    let at = 0
    for (let part = 0; part < parts; part++) {
      const piece = await this.#inTurn(() => this.#fetch(id, part))
      if (at + piece.length > size) throw new Error('the file is not what it was said to be')
      bytes.set(piece, at)
      at += piece.length
      progress(at / size)
    }
    if (at !== size) throw new Error('the file is not what it was said to be')
    this.keep(id, bytes)
    return bytes
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(act)
    this.#turn = result.catch(() => {})
    return result
  }
}
