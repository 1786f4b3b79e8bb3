/**
 * An HTTP proxy of the kind that tries again, as browsers and balancers do: a request whose connection dies before the
 * first byte of its answer is sent once more, whatever it has done by then. Its connections to the server are kept
 * alive and carry anybody's requests.
 */
import { once } from 'node:events'
import {
  Agent,
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect as dial, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Random } from './seed.ts'

/**
 * How a first try dies: on its way; when the server had it, at once or a while later; its answer gets lost; or it
 * does not die at all and only the balancer believes so.
 */
const DEATHS = ['on its way', 'at once', 'waiting', 'answer lost', 'believed dead'] as const
type Death = (typeof DEATHS)[number]

const WAITING_MS = 30
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'content-length']

interface Answer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: Buffer
}

export class Balancer {
  /** Requests that were sent again. */
  reissued = 0
  /** Share of the requests whose first try dies. */
  share = 0
  readonly #random: Random
  readonly #port: number
  readonly #server: Server
  readonly #agent = new Agent({ keepAlive: true, noDelay: true })
  readonly #tunnels = new Set<Duplex>()

  constructor(server: Server, port: number, random: Random) {
    this.#server = server
    this.#port = port
    this.#random = random
    server.on('request', (req, res) => void this.#serve(req, res).catch(() => res.destroy()))
    server.on('upgrade', (req, socket, head) => this.#tunnel(req, socket, head))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    this.#agent.destroy()
    for (const end of this.#tunnels) end.destroy()
    await closed
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const gone = new AbortController()
    res.on('close', () => gone.abort())
    const { status, headers, body: text } = await this.#answer(req, body, gone.signal)
    res.writeHead(status, [...headers, 'Content-Length', String(text.length)]).end(text)
  }

  async #answer(req: IncomingMessage, body: Buffer, signal: AbortSignal): Promise<Answer> {
    if (!this.#random.chance(this.share)) {
      const first = this.#request(req, body.length, signal)
      try {
        return await answerTo(first.end(body))
      } catch (error) {
        // The server closed a connection that had been idle.
        if (signal.aborted || !first.reusedSocket) throw error
      }
    } else {
      await this.#die(req, body, signal, this.#random.pick(DEATHS))
    }
    this.reissued += 1
    return answerTo(this.#request(req, body.length, signal).end(body))
  }

  /** Resolves when the first try is dead, or believed to be. */
  async #die(req: IncomingMessage, body: Buffer, signal: AbortSignal, death: Death): Promise<void> {
    const first = this.#request(req, body.length, signal)
    const over = answerTo(first).catch(() => {})
    const cutAt = death === 'on its way' ? this.#random.int(0, body.length) : body.length
    first.write(body.subarray(0, cutAt))
    if (cutAt === body.length) first.end()
    const waits = death === 'waiting' || death === 'believed dead'
    const ms = waits ? this.#random.int(1, WAITING_MS) : 0
    if (death === 'answer lost') await over
    else await new Promise((resolve) => setTimeout(resolve, ms))
    if (death !== 'believed dead') first.destroy()
  }

  #request(req: IncomingMessage, bodyBytes: number, signal: AbortSignal): ClientRequest {
    const headers = headersOf(req.rawHeaders)
    if (req.method === 'POST') headers.push('Content-Length', String(bodyBytes))
    const { method, url: path } = req
    return request({
      ...{ host: '127.0.0.1', port: this.#port, method, path, headers, signal },
      agent: this.#agent,
    })
  }

  #tunnel(req: IncomingMessage, client: Duplex, head: Buffer): void {
    const server: Socket = dial({ port: this.#port, host: '127.0.0.1', noDelay: true })
    const lines = pairs(req.rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`)
    server.write(`GET ${req.url} HTTP/1.1\r\n${lines.join('')}\r\n`)
    server.write(head)
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#tunnels.add(end)
      end.pipe(other)
      end.on('error', () => {})
      end.on('close', () => {
        this.#tunnels.delete(end)
        other.destroy()
      })
    }
  }
}

/** Rejects where the connection dies before the whole answer is here. */
async function answerTo(sent: ClientRequest): Promise<Answer> {
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const headers = headersOf(response.rawHeaders)
  return { status: response.statusCode!, headers, body: Buffer.concat(chunks) }
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, i) =>
    i % 2 === 0 ? [[name, rawHeaders[i + 1]!] as [string, string]] : [],
  )
}

function headersOf(rawHeaders: readonly string[]): string[] {
  return pairs(rawHeaders)
    .filter(([name]) => !HOP_BY_HOP.includes(name.toLowerCase()))
    .flat()
}

/** @param port of the server, on 127.0.0.1 */
export async function startBalancer(port: number, random: Random): Promise<Balancer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new Balancer(server, port, random)
}
