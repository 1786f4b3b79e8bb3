/**
 * The lightest member of a room there is: one TCP socket, frames by hand, text only, a count. Hundreds of them leave
 * a process time to measure a server, and each can stop reading.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import {
  encodeClose,
  encodeEvent,
  encodeHello,
  type Message,
  parseFrame,
  VERSION,
} from '../../lib/wire/frames.ts'
import { RECEIVED_AFTER } from '../../lib/wire/stream.ts'
import { upgradeRequest } from './raw.ts'
import { within } from './until.ts'
import { clientFrame, parseServerFrame } from './ws-frames.ts'

const ANSWER_MS = 10_000
const TEXT = 1

const token = (): string => randomBytes(16).toString('base64url')

export class LightMember {
  readonly socket: Socket
  /** The session's, once it was welcomed. */
  id = ''
  /** Counted frames that came. */
  received = 0
  /** Events among them. */
  events = 0
  /** Sees each frame that is no answer and no `received`, as text. */
  onFrame: (frame: string) => void = () => {}
  #sent = 0
  #acknowledged = 0
  #owedBytes = 0
  #rest: Buffer = Buffer.alloc(0)
  #upgraded = false
  readonly #answers = new Map<number, (value: unknown) => void>()
  #welcomed = (): void => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (chunk) => this.#take(chunk))
  }

  async enter(segment: string): Promise<this> {
    const welcome = new Promise<void>((resolve) => {
      this.#welcomed = resolve
    })
    this.socket.write(upgradeRequest(`/api/${segment}/?EIO=4&transport=websocket&limpet=1`))
    await within(welcome, ANSWER_MS, 'a welcome')
    return this
  }

  emit(name: string, ...args: unknown[]): void {
    this.#sent += 1
    this.#say(encodeEvent(name, args) as string)
  }

  ask(name: string, ...args: unknown[]): Promise<unknown> {
    this.#sent += 1
    const answer = new Promise<unknown>((resolve) => this.#answers.set(this.#sent, resolve))
    this.#say(encodeEvent(name, args, true) as string)
    return within(answer, ANSWER_MS, `the answer to ${name}`)
  }

  /** In order: the session ends behind all that it said. */
  close(): void {
    this.#say(encodeClose('closed_by_client', ''))
    this.socket.end()
  }

  #say(frame: string): void {
    this.socket.write(clientFrame(`4${frame}`))
  }

  #take(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    if (!this.#upgraded) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end >= 0) bytes = bytes.subarray(end + 4)
      this.#upgraded = end >= 0
    }
    if (this.#upgraded) {
      for (let parsed = parseServerFrame(bytes); parsed; parsed = parseServerFrame(bytes)) {
        bytes = parsed.rest
        if (parsed.frame.opcode === TEXT) this.#packet(parsed.frame.payload.toString())
      }
    }
    this.#rest = bytes
    // Later than a client would by time, and as early by number and bytes.
    const { messages, bytes: most } = RECEIVED_AFTER.client
    if (this.received - this.#acknowledged < messages && this.#owedBytes < most) return
    this.#acknowledged = this.received
    this.#owedBytes = 0
    this.#say(`r${this.received}`)
  }

  #packet(packet: string): void {
    const type = packet[0]
    if (type === '4') this.#frame(packet.slice(1))
    else if (type === '2') this.socket.write(clientFrame('3'))
    else if (type === '0') this.#hello()
  }

  #frame(frame: string): void {
    if (frame.startsWith('e')) {
      this.received += 1
      this.events += 1
      this.#owedBytes += frame.length
      this.onFrame(frame)
      return
    }
    const message = parseFrame(frame, 'server') as Message
    if (message.type === 'answer') {
      this.received += 1
      const { to, result } = message
      this.#answers.get(to)?.(result.ok ? result.value : result)
      this.#answers.delete(to)
    } else if (message.type === 'welcome') {
      this.id = message.welcome.id
      this.#welcomed()
    } else if (message.type !== 'received') this.onFrame(frame)
  }

  #hello(): void {
    const [key, instance] = [token(), token()]
    const counts = { sent: 0, received: 0, check: 0 }
    this.#say(
      encodeHello({
        version: VERSION,
        key,
        id: undefined,
        instance,
        attempt: 1,
        ...counts,
        auth: undefined,
      }) as string,
    )
  }
}

/** A session of its own, welcomed. */
export async function openMember(port: number, segment: string): Promise<LightMember> {
  const socket = dial({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  return new LightMember(socket).enter(segment)
}
