/**
 * A TCP proxy on loopback that does to connections what networks do to them. What it passes on is always a prefix of
 * what it got: TCP loses the rest of a connection, never a piece out of its middle, so neither does this.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { Echo } from './echo.ts'
import { Framing } from './framing.ts'
import { Pipe } from './pipe.ts'

/** `up`: from the client to the server. */
export type Direction = 'up' | 'down'

export interface ConnectionRules {
  /** Bytes per write; 0 passes chunks as they come. */
  segmentBytes: number
  /** By Date.now(); default for ever. Small segments take a turn each, and large messages would take minutes. */
  segmentUntil: number
  delayMs: number
}

/** What holds for connections made from now on. */
export interface ProxyRules extends ConnectionRules {
  /** `answer`: 400 to a request that asks for a WebSocket. `swallow`: no answer at all. */
  upgrades: 'pass' | 'answer' | 'swallow'
  /** Called for each new connection, before its first byte: the place to plan its end. */
  plan: ((connection: ProxyConnection) => void) | null
}

const REFUSAL = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 11\r\n\r\nno upgrade\n'
const BOTH: readonly Direction[] = ['up', 'down']
const HEAD_MAX = 64 * 1024

export class ProxyConnection {
  readonly id: number
  readonly up: Pipe
  readonly down: Pipe
  /** Its first request asks for a WebSocket. */
  upgrade = false
  /** Its own; they may be changed while it lives. */
  readonly rules: ConnectionRules
  #hole = false
  readonly #framings: readonly Framing[]
  readonly #client: Socket
  readonly #server: Socket
  readonly #broken: (connection: ProxyConnection) => void

  /** @param broken called when it is cut or falls into a hole while it is alive */
  constructor(
    id: number,
    client: Socket,
    server: Socket,
    rules: ConnectionRules,
    broken: (connection: ProxyConnection) => void,
  ) {
    this.id = id
    this.rules = rules
    this.#broken = broken
    this.#client = client
    this.#server = server
    this.up = new Pipe(client, server, rules, () => this.cut())
    this.down = new Pipe(server, client, rules, () => this.cut())
    this.#framings = BOTH.map((direction) => {
      const framing = new Framing()
      this[direction].onPass = (bytes) => framing.take(bytes)
      return framing
    })
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      end.setNoDelay(true)
      // A reset arrives as 'error' and then 'close', where it is passed on.
      end.on('error', () => {})
      end.on('close', (hadError: boolean) => {
        if (this.#hole || other.destroyed) return
        if (hadError) reset(other)
        else other.destroySoon()
      })
    }
  }

  get alive(): boolean {
    return !this.#client.destroyed || !this.#server.destroyed
  }

  /** One of its ends has seen a part of a message. */
  get midFrame(): boolean {
    return this.#framings.some(({ mid }) => mid)
  }

  /** Ends it now on both sides with FIN, or RST; what was under way is lost. */
  cut(how: 'fin' | 'rst' = 'fin'): void {
    if (this.alive && !this.#hole) this.#broken(this)
    for (const socket of [this.#client, this.#server]) {
      if (how === 'rst') reset(socket)
      else socket.destroy()
    }
  }

  /** Cuts it when `bytes` more have been passed in this direction. */
  cutAfter(direction: Direction, bytes: number): void {
    this[direction].cutAfter(bytes)
  }

  /** From now on everything is swallowed, and no end hears of the other's end. For ever. */
  blackhole(): void {
    if (this.alive && !this.#hole) this.#broken(this)
    this.#hole = true
    this.up.swallow()
    this.down.swallow()
  }

  /** Keeps what comes, in this direction or both, in order, until `release`. */
  stall(...directions: Direction[]): void {
    for (const direction of directions.length > 0 ? directions : BOTH) this[direction].stall(true)
  }

  release(...directions: Direction[]): void {
    for (const direction of directions.length > 0 ? directions : BOTH) this[direction].stall(false)
  }

  /** Says `text` to the client and ends. */
  answer(text: string): void {
    this.#hole = true
    this.up.swallow()
    this.down.swallow()
    this.#server.destroy()
    this.#client.end(text)
  }
}

/**
 * RST at once. `resetAndDestroy` first ends in an orderly way, and a `destroy` in between leaks the handle for ever:
 * libuv refuses to reset what is shutting down. So it must not be asked to where the end has begun.
 */
function reset(socket: Socket): void {
  if (!socket.connecting && !socket.writableEnded) Object.assign(socket, { resetAndClosing: true })
  socket.destroy()
}

export class FaultProxy {
  readonly rules: ProxyRules = {
    segmentBytes: 0,
    segmentUntil: Number.POSITIVE_INFINITY,
    delayMs: 0,
    upgrades: 'pass',
    plan: null,
  }
  readonly #server: Server
  readonly #targetPort: number
  readonly #connections = new Set<ProxyConnection>()
  readonly #echoes = new Set<Echo>()
  #hole = false
  #unplugged = false
  /** Connections made so far. */
  made = 0
  /** Living connections that were cut or fell into a hole, and those of them that it caught within a message. */
  broken = 0
  brokenMidFrame = 0
  /** Connections whose beginning was said twice. */
  doubled = 0

  constructor(server: Server, targetPort: number) {
    this.#server = server
    this.#targetPort = targetPort
    server.on('connection', (client) => this.#accept(client))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Living connections, oldest first; those in a hole count as long as an end holds them. */
  get connections(): ProxyConnection[] {
    return [...this.#connections]
  }

  cutAll(how: 'fin' | 'rst' = 'fin'): void {
    for (const connection of this.#connections) connection.cut(how)
  }

  /** All connections, and all made until `heal`, fall into a hole: no byte, no FIN, no RST comes out. */
  blackhole(): void {
    this.#hole = true
    for (const connection of this.#connections) connection.blackhole()
  }

  /** New connections pass again; the old ones stay in their hole. */
  heal(): void {
    this.#hole = false
  }

  /**
   * What this client says first is said again so many ms from now, on a connection of its own: before the original,
   * if that is slow, or when it is long gone. Call it before the first byte.
   */
  double(connection: ProxyConnection, ms: number): void {
    const echo = new Echo(this.#targetPort, ms, () => this.#echoes.delete(echo))
    this.#echoes.add(echo)
    connection.up.onTake = (chunk) => echo.hear(chunk)
    this.doubled += 1
  }

  /** Holds back everything, of new connections too, until `plug`: as TCP does over a cable that is out for a while. */
  unplug(): void {
    this.#unplugged = true
    for (const connection of this.#connections) connection.stall()
  }

  plug(): void {
    this.#unplugged = false
    for (const connection of this.#connections) connection.release()
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cutAll()
    for (const echo of this.#echoes) echo.end()
    await closed
  }

  #accept(client: Socket): void {
    // Half-open ends pass through as such: a client may end its half and still wait for the answer.
    const server = dial({ host: '127.0.0.1', port: this.#targetPort, allowHalfOpen: true })
    const { segmentBytes, segmentUntil, delayMs } = this.rules
    const rules = { segmentBytes, segmentUntil, delayMs }
    const connection = new ProxyConnection(++this.made, client, server, rules, ({ midFrame }) => {
      this.broken += 1
      if (midFrame) this.brokenMidFrame += 1
    })
    this.#connections.add(connection)
    for (const end of [client, server]) {
      end.on('close', () => {
        if (!connection.alive) this.#connections.delete(connection)
      })
    }
    this.#watchForUpgrade(connection)
    this.rules.plan?.(connection)
    if (this.#hole) connection.blackhole()
    if (this.#unplugged) connection.stall()
  }

  /** Reads along until the first head is complete; `up` hands on nothing before. */
  #watchForUpgrade(connection: ProxyConnection): void {
    const { upgrades } = this.rules
    let head = ''
    connection.up.inspect = (chunk) => {
      head += chunk.toString('latin1')
      const end = head.indexOf('\r\n\r\n')
      if (end < 0 && head.length < HEAD_MAX) return upgrades === 'pass'
      connection.up.inspect = null
      connection.upgrade = /\r\nupgrade:\s*websocket/i.test(head.slice(0, end < 0 ? HEAD_MAX : end + 4))
      if (!connection.upgrade || upgrades === 'pass') return true
      if (upgrades === 'answer') connection.answer(REFUSAL)
      else connection.blackhole()
      return false
    }
  }
}

/** @param targetPort a port of 127.0.0.1 */
export async function startProxy(targetPort: number): Promise<FaultProxy> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new FaultProxy(server, targetPort)
}
