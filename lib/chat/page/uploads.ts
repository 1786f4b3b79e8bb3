/** Files on their way to a room: one after another, part by part, each part once the one before it has arrived. */
import type { Attachment, Settings } from '../events.ts'
import { codeOf, reasonOf, sizeWords } from './words.ts'

export interface Sender {
  part(index: number, bytes: Uint8Array): Promise<void>
  share(room: string, ref: string, name: string, picture: Attachment['picture']): Promise<void>
  /** null: no picture that this page would show. */
  measure(bytes: Uint8Array): Promise<Attachment['picture']>
}

export interface UploadEvents {
  /** `share`: 0 to 1 */
  progress(ref: string, share: number): void
  failed(ref: string, error: unknown): void
  /** Before the room tells of it. */
  sent(ref: string, bytes: Uint8Array): void
}

export type Added =
  | { readonly ok: true; readonly ref: string; readonly name: string; readonly size: number }
  /** A sentence. */
  | { readonly ok: false; readonly reason: string }

/** A session that is lost takes the parts with it: then all of them are sent again, in the next one. */
const TRIES = 3

export class Uploads {
  readonly #sender: Sender
  readonly #limits: Pick<Settings, 'fileBytes' | 'partBytes'>
  readonly #newRef: () => string
  readonly #events: UploadEvents
  #turn: Promise<unknown> = Promise.resolve()

  constructor(
    sender: Sender,
    limits: Pick<Settings, 'fileBytes' | 'partBytes'>,
    newRef: () => string,
    events: UploadEvents,
  ) {
    this.#sender = sender
    this.#limits = limits
    this.#newRef = newRef
    this.#events = events
  }

  add(room: string, file: File): Added {
    const { fileBytes } = this.#limits
    const { name, size } = file
    if (size === 0) return { ok: false, reason: `${name} is empty.` }
    if (size > fileBytes) {
      const most = `${sizeWords(fileBytes)} is the most that can be sent`
      return { ok: false, reason: `${name} has ${sizeWords(size)}: ${most}.` }
    }
    const ref = this.#newRef()
    this.#turn = this.#turn.then(() =>
      this.#send(room, ref, file).catch((error: unknown) => this.#events.failed(ref, error)),
    )
    return { ok: true, ref, name, size }
  }

  async #send(room: string, ref: string, file: File): Promise<void> {
    const bytes = await file.arrayBuffer().then(
      (buffer) => new Uint8Array(buffer),
      (error) => Promise.reject(new Error(`it cannot be read: ${reasonOf(error)}`)),
    )
    const picture = await this.#sender.measure(bytes)
    for (let tries = 1; ; tries++) {
      try {
        await this.#parts(ref, bytes)
        this.#events.sent(ref, bytes)
      } catch (error) {
        if (tries === TRIES || !isLost(error, ['not_delivered', 'unknown', 'upload_lost'])) throw error
        continue
      }
      try {
        return await this.#sender.share(room, ref, file.name, picture)
      } catch (error) {
        // Not where it may have been shared: nobody is to see it twice.
        if (tries === TRIES || !isLost(error, ['not_delivered', 'upload_lost', 'no_room'])) throw error
      }
    }
  }

  async #parts(ref: string, bytes: Uint8Array): Promise<void> {
    const { partBytes } = this.#limits
    for (let at = 0; at < bytes.length; at += partBytes) {
      await this.#sender.part(at / partBytes, bytes.subarray(at, at + partBytes))
      this.#events.progress(ref, Math.min(1, (at + partBytes) / bytes.length))
    }
  }
}

function isLost(error: unknown, codes: readonly string[]): boolean {
  return codes.includes(String(codeOf(error)))
}
