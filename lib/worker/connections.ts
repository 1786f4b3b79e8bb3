/**
 * Every connection of a worker's HTTP servers, and its deadlines. Node arms its own only on a server that listens,
 * which the worker's public one never does: a slow head would live for ever.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { answerSocket } from './answer.ts'
import { Deadlines } from './deadlines.ts'

interface Connection {
  readonly socket: Socket
  /** A client's. Other workers, on the unix socket, have no deadlines: their clients have. */
  readonly timed: boolean
  /** Of the client, where a proxy said so when it connected. */
  readonly address: string | null
  /** `ending`: our side has said all, the other side has not closed yet. */
  phase: 'http' | 'upgraded' | 'ending'
  /** Requests that are not answered yet. */
  unanswered: number
  /** The last request is answered soon; of others a client that ends its side wants no answer any more. */
  brief: boolean
  /** ms; by then the next head must have begun, or the other side ended. Counts while nothing is unanswered. */
  due: number
  /** Bytes read when the wait for the next head began. */
  bytesRead: number
  /** The last request, if it has a body: only the last one's can still be on its way. */
  body: { readonly req: IncomingMessage; readonly due: number } | null
  /** ms; when the wheel looks at it next. */
  watched: number
}

const SWEEP_MS = 100
/** How long an orderly close waits for what was written to leave. */
const CLOSE_MS = 500

const ignore = (): void => {}

export class Connections {
  readonly #all = new Map<Socket, Connection>()
  readonly #wheel = new Deadlines<Connection>()
  readonly #timer: NodeJS.Timeout
  readonly #idleMs: number
  readonly #headMs: number
  readonly #forget: (this: Socket) => void
  readonly #ended: (this: Socket) => void

  /**
   * @param idleMs from the end of an answer until the next head begins; kept to about 0.2 s, as all here
   * @param headMs from then on until it is whole
   */
  constructor(idleMs: number, headMs: number) {
    this.#idleMs = idleMs
    this.#headMs = headMs
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS).unref()
    const all = this.#all
    // One function for all connections each, not closures.
    this.#forget = function forget() {
      all.delete(this)
    }
    this.#ended = function ended() {
      const connection = all.get(this)
      if (connection?.phase === 'http' && connection.unanswered > 0 && !connection.brief) this.destroy()
    }
  }

  get size(): number {
    return this.#all.size
  }

  /** Who it is from; empty when it is gone already. */
  addressOf(socket: Socket): string {
    return this.#all.get(socket)?.address ?? socket.remoteAddress ?? ''
  }

  add(socket: Socket, timed: boolean, address: string | null = null): void {
    // Node takes its own listener off at an upgrade, and a reset before the next one is put on would end the worker.
    socket.on('error', ignore)
    socket.once('close', this.#forget)
    socket.once('end', this.#ended)
    const connection: Connection = {
      socket,
      timed,
      address,
      phase: 'http',
      unanswered: 0,
      brief: false,
      due: 0,
      bytesRead: 0,
      body: null,
      watched: Number.POSITIVE_INFINITY,
    }
    this.#all.set(socket, connection)
    this.#awaitHead(connection)
  }

  /**
   * @param bodyMs how long the rest of the request may take
   * @param brief it is answered soon, also to a client that has ended its side
   * @returns false when the connection was refused already: a request told 408 must not be carried out
   */
  request(req: IncomingMessage, res: ServerResponse, bodyMs: number, brief: boolean): boolean {
    const connection = this.#all.get(req.socket)
    if (connection?.phase !== 'http') return false
    connection.unanswered++
    connection.brief = brief
    connection.body = null
    if (connection.timed && hasBody(req)) {
      connection.body = { req, due: performance.now() + bodyMs }
      this.#watch(connection)
    }
    res.once('close', () => {
      connection.unanswered--
      if (connection.unanswered > 0 || connection.phase !== 'http') return
      connection.body = null
      this.#awaitHead(connection)
    })
    return true
  }

  /**
   * Deadlines no longer apply.
   * @returns false when requests before it are unanswered: what an upgrade sends would overtake their answers
   */
  upgrade(socket: Socket): boolean {
    const connection = this.#all.get(socket)
    if (connection?.phase !== 'http' || connection.unanswered > 0) return false
    connection.phase = 'upgraded'
    return true
  }

  /**
   * Answers bytes that are no request, or an upgrade, and ends the connection. What still comes is read into nothing:
   * closing with unread bytes sends a reset, and the answer is lost.
   */
  refuse(socket: Socket, status: number, sentence: string): void {
    const connection = this.#all.get(socket)
    if (!connection || connection.phase === 'ending') return
    if (connection.unanswered > 0 || !socket.writable) {
      socket.destroy()
      return
    }
    answerSocket(socket, status, sentence)
    socket.end()
    socket.resume()
    this.ending(socket)
  }

  /** Our side has ended: the other side has the time of a head to do the same. */
  ending(socket: Socket): void {
    const connection = this.#all.get(socket)
    if (!connection) return
    connection.phase = 'ending'
    connection.due = performance.now() + this.#headMs
    this.#watch(connection)
  }

  /** Ends all behind what was written; what cannot leave in half a second is dropped. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    const closed = [...this.#all.keys()].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    )
    for (const socket of this.#all.keys()) socket.destroySoon()
    const late = setTimeout(() => {
      for (const socket of this.#all.keys()) socket.destroy()
    }, CLOSE_MS)
    await Promise.all(closed)
    clearTimeout(late)
  }

  #awaitHead(connection: Connection): void {
    const { socket, timed } = connection
    if (!timed) return
    // Node has armed a timer that would cut a head that has begun, without a word.
    socket.setTimeout(0)
    connection.due = performance.now() + this.#idleMs
    connection.bytesRead = socket.bytesRead
    this.#watch(connection)
  }

  #watch(connection: Connection): void {
    const due = this.#dueOf(connection)
    if (due >= connection.watched) return
    connection.watched = due
    this.#wheel.set(connection, due)
  }

  #sweep(): void {
    const now = performance.now()
    this.#wheel.expire(now, (connection) => {
      // It was set again to an earlier time since, or is gone.
      if (connection.watched > now || connection.socket.destroyed) return
      connection.watched = Number.POSITIVE_INFINITY
      if (this.#dueOf(connection) > now) this.#watch(connection)
      else this.#cut(connection)
    })
  }

  #cut(connection: Connection): void {
    const { socket, phase, unanswered } = connection
    // One that began a head is told why it is cut; an idle one could take the answer for that of its next request.
    if (phase === 'http' && unanswered === 0 && hasBegun(connection))
      this.refuse(socket, 408, 'The request head did not come in time.')
    else socket.destroy()
  }

  /** ms; never, while it is the application that is waited for. */
  #dueOf(connection: Connection): number {
    const { phase, unanswered, body, due } = connection
    if (phase === 'upgraded') return Number.POSITIVE_INFINITY
    if (phase === 'ending') return due
    if (unanswered === 0) return hasBegun(connection) ? due + this.#headMs : due
    return body === null || body.req.complete ? Number.POSITIVE_INFINITY : body.due
  }
}

/** The next head. */
function hasBegun({ socket, bytesRead }: Connection): boolean {
  return socket.bytesRead > bytesRead
}

/** Framed as such; whether it has come is another question. */
export function hasBody(req: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = req.headers
  return encoding !== undefined || Number(length) > 0
}
