/** A handshake by long polling as a browser makes it: connections are kept and used again where the server lets it. */
import { connect as dial, type Socket } from 'node:net'
import { parseResponse, type RawResponse } from '../support/responses.ts'
import type { Dialect } from './dialects.ts'
import { BROWSER_HEADERS, type Place } from './member.ts'

/** One browser's connections to one server. */
class Connections {
  readonly #place: Place
  readonly #idle: Socket[] = []
  readonly #all = new Set<Socket>()

  constructor(place: Place) {
    this.#place = place
  }

  /** Rejects where the answer is not 200. */
  async request(method: string, path: string, body = ''): Promise<string> {
    const length =
      method === 'POST' ? `Content-type: text/plain;charset=UTF-8\r\nContent-Length: ${body.length}\r\n` : ''
    const head = `${method} ${path} HTTP/1.1\r\n${BROWSER_HEADERS}\r\nAccept: */*\r\nConnection: keep-alive\r\n${length}\r\n`
    const socket = this.#idle.pop() ?? this.#open()
    const { status, headers, body: answer } = await exchange(socket, head + body)
    if (headers.connection?.toLowerCase() === 'close') socket.destroy()
    else this.#idle.push(socket)
    if (status !== 200) throw new Error(`${method} was answered ${status}`)
    return answer.toString()
  }

  close(): void {
    for (const socket of this.#all) socket.destroy()
  }

  #open(): Socket {
    const { port, from } = this.#place
    const socket = dial({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
    this.#all.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#all.delete(socket)
      const i = this.#idle.indexOf(socket)
      if (i >= 0) this.#idle.splice(i, 1)
    })
    return socket
  }
}

function exchange(socket: Socket, request: string): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const settle = (settled: () => void): void => {
      socket.off('data', onData).off('close', onClose)
      settled()
    }
    const onData = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const parsed = parseResponse(bytes, false)
      if (parsed) settle(() => resolve(parsed.response))
    }
    const onClose = (): void => settle(() => reject(new Error('the connection ended without an answer')))
    socket.on('data', onData).on('close', onClose)
    socket.write(request)
  })
}

/** Opens a link, says hello, is welcomed, says farewell, and closes the link. Rejects where any of it fails. */
export class PollingVisit {
  readonly #dialect: Dialect
  readonly #connections: Connections
  readonly #path: string
  #sent = 0

  constructor(dialect: Dialect, place: Place) {
    this.#dialect = dialect
    this.#connections = new Connections(place)
    this.#path = `${dialect.path(place.segment)}?${dialect.query}&transport=polling`
  }

  async run(): Promise<void> {
    const { farewell } = this.#dialect
    const open = await this.#connections.request('GET', this.#path)
    const path = `${this.#path}&sid=${JSON.parse(open.slice(1)).sid}`
    const hello = this.#dialect.hello()
    if (hello !== null) {
      const polled = this.#connections.request('GET', path)
      const posted = this.#connections.request('POST', path, this.#number(hello))
      const [welcome] = await Promise.all([polled, posted])
      if (!this.#dialect.isWelcome(this.#dialect.numbered ? welcome.replace(/^4\d+:/, '4') : welcome))
        throw new Error(`not welcome: ${welcome}`)
    }
    // A browser polls on; this poll ends with the link.
    const last = this.#connections.request('GET', path)
    last.catch(() => {})
    if (farewell !== null) await this.#connections.request('POST', path, this.#number(farewell))
    await this.#connections.request('POST', path, '1').catch(() => {})
    await last.catch(() => {})
  }

  destroy(): void {
    this.#connections.close()
  }

  #number(text: string): string {
    this.#sent += 1
    return this.#dialect.numbered ? `4${this.#sent}:${text.slice(1)}` : text
  }
}
