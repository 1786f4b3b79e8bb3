/** Where messages end in one direction of a connection: HTTP messages with a length, behind an upgrade WebSocket frames. */

const HEAD_END = '\r\n\r\n'
/** Past this it is no HTTP, and its ends are unknown. */
const HEAD_MAX = 64 * 1024

export class Framing {
  #webSocket = false
  /** What has come of a head that is not complete. */
  #head = ''
  /** Bytes of a body or payload to come. */
  #left = 0

  /** The bytes so far end within a message. */
  get mid(): boolean {
    return this.#head !== '' || this.#left > 0
  }

  take(bytes: Buffer): void {
    let rest = bytes
    while (rest.length > 0) {
      if (this.#left > 0) {
        const body = Math.min(this.#left, rest.length)
        this.#left -= body
        rest = rest.subarray(body)
        continue
      }
      const before = this.#head.length
      this.#head += rest.toString('latin1')
      const end = this.#webSocket ? frameHeadBytes(this.#head) : httpHeadBytes(this.#head)
      if (this.#head.length > HEAD_MAX) this.#left = Number.POSITIVE_INFINITY
      if (this.#head.length < end) return
      this.#left = this.#webSocket ? payloadBytes(this.#head) : this.#httpBody(this.#head.slice(0, end))
      this.#head = ''
      rest = rest.subarray(end - before)
    }
  }

  #httpBody(head: string): number {
    this.#webSocket = /^HTTP\/1\.1 101 |\r\nupgrade: *websocket/i.test(head)
    return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  }
}

function httpHeadBytes(text: string): number {
  const end = text.indexOf(HEAD_END)
  return end < 0 ? Number.POSITIVE_INFINITY : end + HEAD_END.length
}

/** As far as the first bytes tell it. */
function frameHeadBytes(text: string): number {
  if (text.length < 2) return 2
  const second = text.charCodeAt(1)
  return 2 + lengthBytes(second) + (second & 0x80 ? 4 : 0)
}

function lengthBytes(second: number): number {
  const length = second & 0x7f
  if (length < 126) return 0
  return length === 126 ? 2 : 8
}

function payloadBytes(head: string): number {
  const second = head.charCodeAt(1)
  const extended = lengthBytes(second)
  let length = extended === 0 ? second & 0x7f : 0
  for (let i = 0; i < extended; i++) length = length * 256 + head.charCodeAt(2 + i)
  return length
}
