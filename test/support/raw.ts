/** A peer that decides about every byte: HTTP requests and WebSocket upgrades written by hand on a TCP socket. */
import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { parseResponse, type RawResponse } from './responses.ts'
import { pause, within } from './until.ts'
import { clientFrame, parseServerFrame, type WsFrame } from './ws-frames.ts'

const ANSWER_MS = 10_000

export interface RequestHead {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A whole request with `Host` and, where there is a body, its length. */
export function request(path: string, { method = 'GET', headers = {}, body = '' }: RequestHead = {}): string {
  const all = { Host: 'test', ...headers, ...(body && { 'Content-Length': String(Buffer.byteLength(body)) }) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

export function upgradeRequest(path: string, headers: Readonly<Record<string, string>> = {}): string {
  return request(path, {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    },
  })
}

export class RawConnection {
  readonly socket: Socket
  /** `reset`: with an error. */
  ended: 'no' | 'end' | 'reset' = 'no'
  #buffer: Buffer = Buffer.alloc(0)
  #waiters: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    const end = (how: 'end' | 'reset'): void => {
      if (this.ended === 'no') this.ended = how
      this.#wake()
    }
    socket.on('data', (chunk) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk])
      this.#wake()
    })
    socket.on('end', () => end('end'))
    socket.on('error', () => end('reset'))
    socket.on('close', () => end('end'))
  }

  write(data: string | Uint8Array): void {
    this.socket.write(data)
  }

  /** Writes pieces with a pause between, so that they travel as segments of their own. */
  async writePieces(pieces: readonly (string | Uint8Array)[], gapMs: number): Promise<void> {
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await pause(gapMs)
      this.write(piece)
    }
  }

  /** The next response in order; rejects when the connection ends before. */
  async response(): Promise<RawResponse> {
    return this.#next('a response', () => {
      const parsed = parseResponse(this.#buffer, this.ended !== 'no')
      if (!parsed) return null
      this.#buffer = parsed.rest
      return parsed.response
    })
  }

  /** Behind a 101: the next frame. */
  async frame(): Promise<WsFrame> {
    return this.#next('a frame', () => {
      const parsed = parseServerFrame(this.#buffer)
      if (!parsed) return null
      this.#buffer = parsed.rest
      return parsed.frame
    })
  }

  sendFrame(payload: string | Uint8Array, opcode?: number): void {
    this.write(clientFrame(payload, opcode))
  }

  /** Resolves when the server has ended the connection. */
  async end(limitMs = ANSWER_MS): Promise<void> {
    const ended = async (): Promise<void> => {
      while (this.ended === 'no') await this.#woken()
    }
    await within(ended(), limitMs, 'the end of a connection')
  }

  destroy(): void {
    this.socket.destroy()
  }

  async #next<T>(what: string, take: () => T | null): Promise<T> {
    const wait = async (): Promise<T> => {
      for (;;) {
        const taken = take()
        if (taken) return taken
        if (this.ended !== 'no') {
          const had = this.#buffer.subarray(0, 200).toString('latin1')
          throw new Error(
            `the connection ended (${this.ended}) before ${what}; it had sent ${JSON.stringify(had)}`,
          )
        }
        await this.#woken()
      }
    }
    return within(wait(), ANSWER_MS, what)
  }

  async #woken(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter()
  }
}

export async function rawConnect(port: number, host = '127.0.0.1'): Promise<RawConnection> {
  const socket = dial({ port, host })
  await once(socket, 'connect')
  return new RawConnection(socket)
}

/** One request on a connection of its own. */
export async function ask(port: number, text: string | Uint8Array): Promise<RawResponse> {
  const connection = await rawConnect(port)
  try {
    connection.write(text)
    return await connection.response()
  } finally {
    connection.destroy()
  }
}
