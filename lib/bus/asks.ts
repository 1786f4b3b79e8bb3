/** The questions of one peer that wait for their replies, oldest first. */
import { LimpetError } from '../wire/codes.ts'
import { encodeAsk } from './envelope.ts'
import type { Note } from './notes.ts'

/** Past this a question is refused at once. */
const ASKS_MAX = 4096

interface Ask {
  readonly note: Note
  readonly timer: NodeJS.Timeout
  resolve(reply: Uint8Array): void
  reject(error: LimpetError): void
}

export interface Asked {
  readonly note: Note | null
  readonly reply: Promise<Uint8Array>
}

export class Asks {
  readonly #timeoutMs: number
  readonly #pending = new Map<number, Ask>()
  #lastId = 0

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  get notes(): Note[] {
    return [...this.#pending.values()].map(({ note }) => note)
  }

  /**
   * @param after number of the last item appended before it
   * @param expired when nobody waits for the reply any more
   * @returns a note to send; none where too many wait already
   */
  add(data: Uint8Array, after: number, expired: (note: Note) => void): Asked {
    if (this.#pending.size >= ASKS_MAX) {
      const error = new LimpetError('room_unavailable', 'too many questions wait for that worker')
      return { note: null, reply: Promise.reject(error) }
    }
    this.#lastId += 1
    const id = this.#lastId
    const note = { after, bytes: encodeAsk(id, data) }
    const reply = new Promise<Uint8Array>((resolve, reject) => {
      const timer = setTimeout(() => {
        expired(note)
        this.settle(id, null)
      }, this.#timeoutMs)
      this.#pending.set(id, { note, timer, resolve, reject })
    })
    return { note, reply }
  }

  /** Null: no reply. A late or repeated one finds nobody. */
  settle(id: number, reply: Uint8Array | null): void {
    const ask = this.#pending.get(id)
    if (!ask) return
    this.#pending.delete(id)
    clearTimeout(ask.timer)
    if (reply) ask.resolve(reply)
    else ask.reject(new LimpetError('room_unavailable'))
  }

  rejectAll(): void {
    for (const id of [...this.#pending.keys()]) this.settle(id, null)
  }
}
