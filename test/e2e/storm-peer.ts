/**
 * The lightest client that resumes: one TCP socket, frames by hand, text only, the client's own back-off. Thousands of
 * them leave a process time to see what a server does.
 */
import { randomBytes } from 'node:crypto'
import { connect as dial, type Socket } from 'node:net'
import { Backoff } from '../../lib/client/backoff.ts'
import { retryOf } from '../../lib/wire/codes.ts'
import { encodeEvent, encodeHello, encodeNumber, Frame, parseFrame, VERSION } from '../../lib/wire/frames.ts'
import { Inbox, Outbox, RECEIVED_AFTER } from '../../lib/wire/stream.ts'
import { upgradeRequest } from '../support/raw.ts'
import { clientFrame, parseServerFrame } from '../support/ws-frames.ts'

const TEXT = 1
/** The client's defaults. */
const [DELAY_MS, DELAY_MAX_MS, CONNECT_MS] = [500, 10_000, 10_000]

const token = (): string => randomBytes(16).toString('base64url')

/** Of all peers together. */
export interface StormFigures {
  dials: number
  /** Answers to a request for a WebSocket that were none, by status. */
  readonly refused: Map<string, number>
  /** Codes of links that were closed, and `retry`. */
  readonly told: Map<string, number>
  /** What must not happen, in words. */
  readonly wrong: string[]
}

export class StormPeer {
  readonly segment: string
  /** Welcomed, and its link lives. */
  connected = false
  /** Messages that the application took, in order. */
  took = 0
  #id: string | undefined
  readonly #key = token()
  readonly #instance = token()
  readonly #outbox = new Outbox<Frame>()
  readonly #inbox = new Inbox()
  readonly #backoff = new Backoff(DELAY_MS, DELAY_MAX_MS)
  readonly #port: number
  readonly #address: string
  readonly #figures: StormFigures
  readonly #welcomed: (peer: StormPeer) => void
  #attempt = 0
  #acknowledged = 0
  /** Number of the next counted frame of this link; 0 before its welcome. */
  #next = 0
  #policy: 'now' | 'later' = 'now'
  #socket: Socket | null = null
  #rest: Buffer = Buffer.alloc(0)
  #upgraded = false
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(
    port: number,
    segment: string,
    address: string,
    figures: StormFigures,
    welcomed: (peer: StormPeer) => void,
  ) {
    this.#port = port
    this.segment = segment
    this.#address = address
    this.#figures = figures
    this.#welcomed = welcomed
  }

  get sent(): number {
    return this.#outbox.end
  }

  dial(): void {
    this.#figures.dials += 1
    const socket = dial({ port: this.#port, host: '127.0.0.1', localAddress: this.#address })
    this.#socket = socket
    this.#rest = Buffer.alloc(0)
    this.#upgraded = false
    this.#policy = 'now'
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (chunk) => this.#take(chunk))
    const late = setTimeout(() => socket.destroy(), CONNECT_MS)
    socket.on('close', () => {
      clearTimeout(late)
      if (socket === this.#socket) this.#lost()
    })
    this.#timer = late
    socket.write(upgradeRequest(`/api/${this.segment}/?EIO=4&transport=websocket&limpet=1`))
  }

  /** A counted event; behind the welcome of the next link where there is none now. */
  emit(name: string, ...args: unknown[]): void {
    const frame = new Frame(encodeEvent(name, args))
    this.#outbox.append(frame)
    if (this.connected) this.#say(frame.data as string)
  }

  /** The link is lost, at both ends; the peer goes on. */
  cut(): void {
    this.#socket?.resetAndDestroy()
  }

  close(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#socket?.destroy()
  }

  #lost(): void {
    this.connected = false
    this.#next = 0
    if (this.#over) return
    this.#timer = setTimeout(() => this.dial(), this.#backoff.next(this.#policy, Math.random()))
  }

  #say(frame: string): void {
    this.#socket?.write(clientFrame(`4${frame}`))
  }

  #take(chunk: Buffer): void {
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    if (!this.#upgraded) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end < 0) {
        this.#rest = bytes
        return
      }
      const status = bytes.subarray(9, 12).toString()
      if (status !== '101') {
        count(this.#figures.refused, status)
        this.#policy = 'later'
        this.#socket?.destroy()
        return
      }
      this.#upgraded = true
      bytes = bytes.subarray(end + 4)
    }
    for (let parsed = parseServerFrame(bytes); parsed; parsed = parseServerFrame(bytes)) {
      bytes = parsed.rest
      if (parsed.frame.opcode === TEXT) this.#packet(parsed.frame.payload.toString())
    }
    this.#rest = bytes
    if (!this.connected || this.#inbox.count - this.#acknowledged < RECEIVED_AFTER.client.messages) return
    this.#acknowledged = this.#inbox.count
    this.#say(encodeNumber('received', this.#acknowledged))
  }

  #packet(packet: string): void {
    if (packet.startsWith('4')) this.#frame(packet.slice(1))
    else if (packet.startsWith('2')) this.#socket?.write(clientFrame('3'))
    else if (packet.startsWith('0')) this.#hello()
  }

  #hello(): void {
    this.#attempt += 1
    const { count: received, check } = this.#inbox
    const identity = { version: VERSION, key: this.#key, id: this.#id, instance: this.#instance }
    const counts = { attempt: this.#attempt, sent: this.#outbox.end, received, check }
    this.#say(encodeHello({ ...identity, ...counts, auth: undefined }) as string)
  }

  #frame(data: string): void {
    const message = parseFrame(data, 'server')
    switch (message?.type) {
      case 'welcome': {
        const { id, from, taken, handled, check } = message.welcome
        if (this.#id !== undefined && this.#id !== id) this.#wrong(`another session, ${id}`)
        if (this.#outbox.checkAt(taken) !== check) this.#wrong('the checks differ')
        this.#id = id
        this.#next = from
        this.connected = true
        clearTimeout(this.#timer)
        this.#backoff.welcomed()
        this.#outbox.acknowledge(handled)
        for (let n = taken + 1; n <= this.#outbox.end; n++) this.#say(this.#outbox.at(n).data as string)
        this.#welcomed(this)
        return
      }
      case 'received':
        this.#outbox.acknowledge(message.count)
        return
      case 'event':
        if (this.#next++ <= this.#inbox.count) return
        this.#inbox.take(new Frame(data).crc)
        if (message.event.name !== 'took') return
        this.took += 1
        if (message.event.args[0] !== this.took)
          this.#wrong(`took ${message.event.args[0]}, not ${this.took}`)
        return
      case 'drain':
      case 'retry':
        count(this.#figures.told, message.type)
        this.#backoff.order(message.afterMs)
        return
      case 'close':
        count(this.#figures.told, message.close.code)
        if (retryOf(message.close.code) === 'later') this.#policy = 'later'
        if (retryOf(message.close.code) === 'never') this.#wrong(`closed, ${message.close.code}`)
        return
      case 'gone':
        this.#wrong(`gone, ${message.gone.code}`)
        return this.close()
      default:
        this.#wrong(`what is ${data.slice(0, 80)}?`)
    }
  }

  #wrong(what: string): void {
    this.#figures.wrong.push(`${this.#id}: ${what}`)
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
