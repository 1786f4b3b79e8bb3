/** One client on a raw socket: it upgrades, says hello, joins, and counts what comes. */
import { randomBytes } from 'node:crypto'
import { connect as dial, type Socket } from 'node:net'
import { connect as dialSecurely } from 'node:tls'
import { RECEIVED_AFTER } from '../../lib/wire/stream.ts'
import type { Dialect } from './dialects.ts'
import { clientFrame, FrameReader, LARGE } from './frame-reader.ts'

/** What a browser sends along: servers parse it, and some keep it. */
export const BROWSER_HEADERS = [
  'Host: 127.0.0.1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9',
  'Cache-Control: no-cache',
  'Pragma: no-cache',
].join('\r\n')
const UPGRADE_HEADERS = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Origin: http://127.0.0.1',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
].join('\r\n')

const PING = '2'.charCodeAt(0)
const PONG = clientFrame('3')
const CLOSE = clientFrame('', 8)

/** All sockets read into this one: what came is looked at before the next read. */
const CHUNK = Buffer.allocUnsafeSlow(256 * 1024)

export interface Place {
  readonly port: number
  readonly segment: string
  /** 127.0.0.x, so that the ports of one address do not run out. */
  readonly from: string
  readonly tls: boolean
}

export class Member {
  readonly segment: string
  /** Of payloads of at least `LARGE` bytes, since it was in. */
  deliveries = 0
  /** Set where each delivery is looked at. */
  onDelivery: ((payload: Buffer) => void) | null = null
  /** A `received` that waits is due at this coarse time. */
  dueAt = Number.POSITIVE_INFINITY
  /** Why it is not connected any more. */
  ended: string | null = null
  readonly closed: Promise<void>
  readonly #dialect: Dialect
  readonly #socket: Socket
  readonly #frames: FrameReader
  #head: string | null = ''
  #in = false
  #awaited: { resolve(): void; reject(error: Error): void } | null = null
  #joins = 0
  #counted = 0
  #owed = 0
  #owedBytes = 0
  #answers: Buffer[] = []

  constructor(dialect: Dialect, place: Place) {
    this.#dialect = dialect
    this.segment = place.segment
    this.#frames = new FrameReader({
      large: (bytes) => this.#large(bytes),
      whole: (payload, opcode) => this.#whole(payload, opcode),
    })
    this.#socket = this.#dial(place)
    const key = randomBytes(16).toString('base64')
    this.#socket.write(
      `GET ${dialect.path(place.segment)}?${dialect.query}&transport=websocket HTTP/1.1\r\n${BROWSER_HEADERS}\r\n${UPGRADE_HEADERS}\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    this.#socket.on('error', (error) => this.#end(error.message))
    this.closed = new Promise((resolve) => {
      this.#socket.on('close', () => {
        this.#end('the connection ended')
        resolve()
      })
    })
  }

  #dial({ port, from: localAddress, tls }: Place): Socket {
    const to = { port, host: '127.0.0.1', localAddress, noDelay: true }
    if (tls)
      return dialSecurely({ ...to, rejectUnauthorized: false }).on('data', (chunk) => this.#read(chunk))
    const callback = (length: number): boolean => {
      this.#read(CHUNK.subarray(0, length))
      return true
    }
    return dial({ ...to, onread: { buffer: CHUNK, callback } })
  }

  /** Resolves when it is in; rejects when it cannot be. */
  enter(): Promise<void> {
    return this.#wait()
  }

  /** All joins leave at once. */
  join(rooms: readonly string[]): Promise<void> {
    this.#joins = rooms.length
    this.#socket.write(Buffer.concat(rooms.map((room) => clientFrame(this.#dialect.join(room)))))
    return this.#wait()
  }

  /** From now on deliveries are counted by their heads, where nobody looks at them. */
  count(): void {
    this.#frames.threshold = this.onDelivery ? Number.POSITIVE_INFINITY : LARGE
  }

  send(text: string): void {
    // As the real client's: from half of its time on the count leaves along.
    if (this.dueAt - coarse.now <= RECEIVED_AFTER.client.ms / 2) this.#received()
    this.#answers.push(clientFrame(text))
    this.#flush()
  }

  /** As a client that goes away in order: the connection ends when the server has answered. */
  leave(): Promise<void> {
    const { farewell } = this.#dialect
    this.#socket.write(farewell === null ? CLOSE : Buffer.concat([clientFrame(farewell), CLOSE]))
    return this.closed
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Called now and then: what was received is told after a while, too. */
  tell(): void {
    this.#received()
    this.#flush()
  }

  #wait(): Promise<void> {
    if (this.ended !== null) return Promise.reject(new Error(this.ended))
    return new Promise((resolve, reject) => {
      this.#awaited = { resolve, reject }
    })
  }

  #done(): void {
    const awaited = this.#awaited
    this.#awaited = null
    awaited?.resolve()
  }

  #end(reason: string): void {
    this.ended ??= reason
    const awaited = this.#awaited
    this.#awaited = null
    awaited?.reject(new Error(this.ended))
  }

  #read(chunk: Buffer): void {
    if (this.#head === null) this.#frames.push(chunk)
    else this.#upgrade(chunk, this.#head)
    if (this.#answers.length > 0) this.#flush()
  }

  #upgrade(chunk: Buffer, before: string): void {
    const head = before + chunk.toString('latin1')
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) {
      this.#head = head
      return
    }
    if (!head.startsWith('HTTP/1.1 101')) {
      this.#end(`no upgrade: ${head.slice(0, 60)}`)
      this.#socket.destroy()
      return
    }
    this.#head = null
    if (!this.#dialect.opens) this.#welcomed()
    const frames = chunk.subarray(end + 4 - before.length)
    if (frames.length > 0) this.#frames.push(frames)
  }

  #welcomed(): void {
    this.#in = true
    this.#done()
  }

  #whole(payload: Buffer, opcode: number): void {
    if (opcode === 8) {
      this.#end(`closed: ${payload.toString('latin1', 2)}`)
      return
    }
    if (payload.length === 1 && payload[0] === PING && this.#dialect.opens) {
      this.#answers.push(PONG)
      return
    }
    if (!this.#in) this.#greet(payload.toString('latin1'))
    else if (payload.length >= LARGE) {
      this.#large(payload.length)
      this.onDelivery?.(payload)
    } else {
      if (this.#dialect.counts?.is(payload)) this.#took(payload.length)
      if (this.#joins > 0 && this.#dialect.isJoined(payload.toString('latin1')) && --this.#joins === 0)
        this.#done()
    }
  }

  #greet(text: string): void {
    if (this.#dialect.isWelcome(text)) return this.#welcomed()
    if (!text.startsWith('0{')) return this.#end(`not welcome: ${text}`)
    const hello = this.#dialect.hello()
    if (hello === null) this.#welcomed()
    else this.#answers.push(clientFrame(hello))
  }

  #large(bytes: number): void {
    this.deliveries += 1
    if (this.#dialect.counts) this.#took(bytes)
  }

  /** As the real client does: the server pays for what it is told. */
  #took(bytes: number): void {
    this.#counted += 1
    this.#owed += 1
    // Without the character of Engine.IO.
    this.#owedBytes += bytes - 1
    if (this.#owed === 1) this.dueAt = coarse.now + RECEIVED_AFTER.client.ms
    if (this.#owed >= RECEIVED_AFTER.client.messages || this.#owedBytes >= RECEIVED_AFTER.client.bytes)
      this.#received()
  }

  #received(): void {
    this.#answers.push(clientFrame(this.#dialect.counts!.received(this.#counted)))
    this.#owed = 0
    this.#owedBytes = 0
    this.dueAt = Number.POSITIVE_INFINITY
  }

  #flush(): void {
    const answers = this.#answers
    this.#answers = []
    if (this.ended !== null) return
    this.#socket.write(answers.length === 1 ? answers[0]! : Buffer.concat(answers))
  }
}

/** A clock that costs nothing to read; whoever runs members moves it on. */
export const coarse = { now: 0 }
