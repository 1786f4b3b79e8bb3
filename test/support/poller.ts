/**
 * The lightest polling client there is: one kept-alive connection, one request at a time, text only. A thousand of
 * them cost a test process less than fifty real ones.
 */
import {
  encodeEvent,
  encodeHello,
  Frame,
  type Message,
  parseFrame,
  type Welcome,
} from '../../lib/wire/frames.ts'
import { NumberedReceiver, NumberedSender } from '../../lib/wire/numbered.ts'
import type { PeerSession } from './peer.ts'
import { type RawConnection, rawConnect, request } from './raw.ts'

const SEPARATOR = '\x1e'

export class Poller {
  readonly session: PeerSession
  sid = ''
  readonly #connection: RawConnection
  readonly #path: string
  readonly #sender = new NumberedSender()
  readonly #receiver = new NumberedReceiver()
  readonly #messages: Message[] = []

  constructor(session: PeerSession, connection: RawConnection) {
    this.session = session
    this.#connection = connection
    this.#path = `/api/${session.segment}/?EIO=4&transport=polling&limpet=1`
  }

  async enter(): Promise<Welcome> {
    const { session } = this
    await this.#poll()
    await this.#say(encodeHello(session.hello()))
    const { welcome } = await this.#next('welcome')
    session.id = welcome.id
    return welcome
  }

  /** A question and its answer. */
  async ask(name: string, ...args: unknown[]): Promise<unknown> {
    const frame = new Frame(encodeEvent(name, args, true))
    const number = this.session.outbox.append(frame)
    await this.#say(frame.data as string)
    const { to, result } = await this.#next('answer')
    if (to !== number || !result.ok) throw new Error(`${name}: ${JSON.stringify(result)}`)
    return result.value
  }

  /** As a lost network would, without a word to the server. */
  cut(): void {
    this.#connection.destroy()
  }

  async #next<T extends Message['type']>(type: T): Promise<Extract<Message, { type: T }>> {
    for (;;) {
      const at = this.#messages.findIndex((message) => message.type === type)
      if (at >= 0) return this.#messages.splice(at, 1)[0] as Extract<Message, { type: T }>
      await this.#poll()
    }
  }

  async #say(data: string): Promise<void> {
    await this.#exchange('POST', `4${this.#sender.encode(data)}`)
  }

  async #poll(): Promise<void> {
    const body = await this.#exchange('GET')
    for (const packet of body.split(SEPARATOR)) {
      if (packet.startsWith('0')) this.sid = (JSON.parse(packet.slice(1)) as { sid: string }).sid
      if (packet.startsWith('4')) this.#take(packet.slice(1))
    }
  }

  #take(numbered: string): void {
    const decoded = this.#receiver.decode(numbered)
    if (!decoded.ok) throw new Error(`the server's frame is a ${decoded.reason}`)
    const message = parseFrame(decoded.data, 'server')
    if (!message) throw new Error(`the server sent a malformed frame: ${decoded.data}`)
    if (message.type === 'event' || message.type === 'answer')
      this.session.inbox.take(new Frame(decoded.data).crc)
    this.#messages.push(message)
  }

  async #exchange(method: 'GET' | 'POST', body = ''): Promise<string> {
    this.#connection.write(request(this.#path + (this.sid && `&sid=${this.sid}`), { method, body }))
    const response = await this.#connection.response()
    if (response.status !== 200) throw new Error(`${method} answered with ${response.status}`)
    return String(response.body)
  }
}

export async function openPoller(port: number, session: PeerSession): Promise<Poller> {
  return new Poller(session, await rawConnect(port))
}
