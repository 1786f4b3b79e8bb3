/**
 * Link-local numbers. Long polling is not prefix-safe: a retried GET skips messages, a retried POST repeats them.
 * So on a polling link every frame, counted or not, carries a number from 1: a repeat is dropped, a gap breaks the
 * link. This lives in the link; session and outbox know nothing of it.
 *
 * Text: the number in decimal, a colon, the frame. Binary: u32 BE, the frame.
 */
import type { Data } from './frames.ts'

export class NumberedSender {
  #last = 0

  encode(data: Data): Data {
    this.#last += 1
    if (typeof data === 'string') return `${this.#last}:${data}`
    const numbered = new Uint8Array(4 + data.length)
    new DataView(numbered.buffer).setUint32(0, this.#last)
    numbered.set(data, 4)
    return numbered
  }
}

export type NumberedResult =
  | { readonly ok: true; readonly data: Data }
  | { readonly ok: false; readonly reason: 'repeat' | 'gap' | 'malformed' }

export class NumberedReceiver {
  #last = 0

  decode(numbered: Data): NumberedResult {
    const parsed = typeof numbered === 'string' ? splitText(numbered) : splitBytes(numbered)
    if (!parsed) return { ok: false, reason: 'malformed' }
    if (parsed.number <= this.#last) return { ok: false, reason: 'repeat' }
    if (parsed.number !== this.#last + 1) return { ok: false, reason: 'gap' }
    this.#last = parsed.number
    return { ok: true, data: parsed.data }
  }
}

interface Split {
  readonly number: number
  readonly data: Data
}

function splitText(text: string): Split | null {
  const colon = text.indexOf(':')
  const digits = text.slice(0, Math.max(colon, 0))
  if (!/^[1-9]\d{0,15}$/.test(digits)) return null
  return { number: Number(digits), data: text.slice(colon + 1) }
}

function splitBytes(bytes: Uint8Array): Split | null {
  if (bytes.length < 5) return null
  const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  return number > 0 ? { number, data: bytes.subarray(4) } : null
}
