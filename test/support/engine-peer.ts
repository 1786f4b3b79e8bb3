/** Engine.IO 4 as strangers speak it: fetch and ws, nothing of ours. */
import { once } from 'node:events'
import { type RawData, WebSocket } from 'ws'
import { rawConnect, request } from './raw.ts'
import type { RawResponse } from './responses.ts'
import { within } from './until.ts'

const ANSWER_MS = 8000
const SEPARATOR = '\x1e'

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Headers
}

export interface Handshake {
  readonly sid: string
  readonly upgrades: readonly string[]
  readonly pingInterval: number
  readonly pingTimeout: number
  readonly maxPayload: number
}

/** One Engine.IO connection, or one try to get there. */
export class EnginePeer {
  readonly #port: number
  readonly #path: string

  /** @param path with or without a segment */
  constructor(port: number, path: string) {
    this.#port = port
    this.#path = path
  }

  get #url(): string {
    return `127.0.0.1:${this.#port}${this.#path}`
  }

  async fetch(query: string, init: RequestInit = {}): Promise<Answer> {
    const url = `http://${this.#url}?${query}`
    const answer = await within(fetch(url, init), ANSWER_MS, `${init.method ?? 'GET'} ?${query}`)
    return { status: answer.status, body: await answer.text(), headers: answer.headers }
  }

  async open(): Promise<Handshake> {
    const { status, body } = await this.fetch('EIO=4&transport=polling')
    if (status !== 200) throw new Error(`the handshake was answered with ${status}: ${body}`)
    return JSON.parse(body.slice(1)) as Handshake
  }

  /** The next packets; pings are answered, and left out. */
  async poll(sid: string): Promise<{ status: number; packets: string[] }> {
    for (;;) {
      const { status, body } = await this.fetch(`EIO=4&transport=polling&sid=${sid}`)
      const packets = body.split(SEPARATOR)
      const rest = packets.filter((packet) => packet !== '2')
      if (rest.length > 0) return { status, packets: rest }
      await this.post(sid, '3')
    }
  }

  post(sid: string, ...packets: string[]): Promise<Answer> {
    const body = packets.join(SEPARATOR)
    return this.fetch(`EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body })
  }

  /** A poll and what follows it on the same connection, at once: it waits when that comes. */
  async pollAnd(sid: string, method: 'GET' | 'POST', body: string): Promise<[RawResponse, RawResponse]> {
    const path = `${this.#path}?EIO=4&transport=polling&sid=${sid}`
    const connection = await rawConnect(this.#port)
    connection.write(request(path) + request(path, { method, body }))
    const answers: [RawResponse, RawResponse] = [await connection.response(), await connection.response()]
    connection.destroy()
    return answers
  }

  socket(query = 'EIO=4&transport=websocket'): EngineSocket {
    return new EngineSocket(`ws://${this.#url}?${query}`)
  }
}

export class EngineSocket {
  /** Once; the status that refused the upgrade, or the close code. */
  readonly ended: Promise<number>
  readonly #socket: WebSocket
  readonly #messages: (string | Buffer)[] = []
  #wake = (): void => {}

  constructor(url: string) {
    const socket = new WebSocket(url)
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('message', (data: RawData, isBinary) => {
      this.#messages.push(isBinary ? (data as Buffer) : String(data))
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      socket.once('unexpected-response', (_req, res) => {
        resolve(res.statusCode ?? 0)
        socket.terminate()
      })
      socket.once('close', resolve)
    })
  }

  /** As all that follow, it waits for the upgrade first. */
  async send(...packets: (string | Uint8Array)[]): Promise<void> {
    if (this.#socket.readyState === WebSocket.CONNECTING)
      await within(once(this.#socket, 'open'), ANSWER_MS, 'the upgrade')
    for (const packet of packets) this.#socket.send(packet)
  }

  /** The next packet; pings are answered, unless `pings`. */
  async next(pings = false): Promise<string | Buffer> {
    const wait = async (): Promise<string | Buffer> => {
      for (;;) {
        const message = this.#messages.shift()
        if (message === '2' && !pings) await this.send('3')
        else if (message !== undefined) return message
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
      }
    }
    return within(wait(), ANSWER_MS, 'a packet')
  }

  end(): Promise<number> {
    return within(this.ended, ANSWER_MS, 'the end of a WebSocket')
  }

  close(): void {
    this.#socket.terminate()
  }
}
