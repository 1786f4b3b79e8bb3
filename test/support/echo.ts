/** The beginning of a connection, said again on another one: what networks and balancers that try twice do. */
import { connect as dial, type Socket } from 'node:net'

/** Long enough for a hello and some messages. */
const HEARD_MAX = 8 * 1024
/** As a half-open connection it stays for a while and answers nothing. */
const LIFE_MS = 1500
const HEAD_END = '\r\n\r\n'

export class Echo {
  readonly #ended: () => void
  readonly #timers: NodeJS.Timeout[]
  #heard = Buffer.alloc(0)
  #socket: Socket | null = null
  #due = false
  readonly #port: number

  constructor(port: number, ms: number, ended: () => void) {
    this.#ended = ended
    this.#port = port
    const due = (): void => {
      this.#due = true
      this.#speak()
    }
    this.#timers = [setTimeout(due, ms), setTimeout(() => this.end(), ms + LIFE_MS)]
  }

  hear(chunk: Buffer): void {
    if (this.#heard.length < HEARD_MAX) this.#heard = Buffer.concat([this.#heard, chunk])
    this.#speak()
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#socket?.destroy()
    this.#ended()
  }

  /** When it is time, and the head was said. */
  #speak(): void {
    if (!this.#due || this.#socket || !this.#heard.includes(HEAD_END)) return
    const socket = dial({ port: this.#port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('close', () => this.end())
    // What follows an upgrade request at once is lost, as its sender knows.
    const headBytes = this.#heard.indexOf(HEAD_END) + HEAD_END.length
    socket.write(this.#heard.subarray(0, headBytes))
    socket.once('data', () => {
      socket.write(this.#heard.subarray(headBytes))
      socket.resume()
    })
  }
}
