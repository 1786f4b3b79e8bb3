/**
 * A client under load in both directions, text and binary mixed, against test/e2e/apps/load.js. Everything sent and
 * received on either side goes into a history.
 */
import { createHash } from 'node:crypto'
import { type Client, type ClientOptions, connect } from '../../lib/client/index.ts'
import type { History } from './history.ts'
import type { Random } from './seed.ts'
import { until, within } from './until.ts'

/** Bytes of the messages, both ways; the largest is several TCP segments. */
const SIZES = [1, 40, 300, 1500, 6000]
/** To stop under load and to ask for the server's memory. */
const CALM_MS = 15_000

interface ServerLog {
  readonly sent: [number: number, digest: string][]
  readonly received: [number: number, digest: string][]
}

export interface LoadOptions {
  readonly everyMs: number
  /** Publishes into this room, too. */
  readonly room?: string
  readonly client: Partial<ClientOptions>
}

export class LoadedClient {
  readonly name: string
  readonly client: Client
  /** Suspends and resumes seen by the application. */
  suspends = 0
  resumes = 0
  discontinuities: string[] = []
  readonly #history: History
  readonly #random: Random
  readonly #options: LoadOptions
  readonly #peers: readonly string[]
  readonly #pending = new Set<Promise<unknown>>()
  #timer: NodeJS.Timeout | undefined
  #sent = 0
  #said = 0

  /** @param peers names of all members of the room */
  constructor(
    url: string,
    name: string,
    peers: readonly string[],
    history: History,
    random: Random,
    options: LoadOptions,
  ) {
    this.name = name
    this.#history = history
    this.#random = random
    this.#options = options
    this.#peers = peers
    this.client = connect(url, { reconnectDelayMs: 20, reconnectDelayMaxMs: 200, ...options.client })
    this.#listen()
  }

  async start(): Promise<void> {
    const { everyMs } = this.#options
    await within(this.client.emitWithAck('start', everyMs, SIZES), CALM_MS, `${this.name}: the start`)
    this.#timer = setInterval(() => this.#burst(), everyMs)
  }

  /** No more sends; resolves when both sides have everything, and puts the server's memory into the history. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await within(this.client.emitWithAck('stop'), CALM_MS, `${this.name}: the stop`)
    await within(Promise.all(this.#pending), CALM_MS, `${this.name}: all answers`)
    // Its answer is behind all that was sent down, its question behind all that was sent up.
    const log = (await within(this.client.emitWithAck('log'), CALM_MS, `${this.name}: the log`)) as ServerLog
    for (const [n, digest] of log.sent) this.#history.sent(`${this.name} down`, String(n), digest)
    for (const [n, digest] of log.received) this.#history.received(`${this.name} up`, String(n), digest)
  }

  /** Ends the client; resolves when nothing of it is left. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.client.close()
    await until(() => this.client.state === 'closed')
  }

  #listen(): void {
    const { client, name } = this
    const history = this.#history
    client.on('down', (n: unknown, content: unknown) => {
      history.received(`${name} down`, String(n), digestOf(content))
    })
    client.on('said', (_room: unknown, id: unknown, content: unknown) => {
      const from = String(id).split('/')[0]
      history.received(`room ${from} > ${name}`, String(id), digestOf(content))
    })
    const note = (): void => history.session(`${name} down`, client.id ?? '')
    client.on('connect', note)
    client.on('resume', () => {
      this.resumes += 1
      note()
    })
    client.on('suspend', () => {
      this.suspends += 1
    })
    client.on('discontinuity', ({ code }) => {
      this.discontinuities.push(code)
      for (const direction of ['up', 'down']) history.discontinuity(`${name} ${direction}`)
    })
    client.on('close', ({ code }) => {
      if (code !== 'closed_by_client') this.discontinuities.push(`close ${code}`)
    })
  }

  /** One message, now and then a question, now and then one to the room. */
  #burst(): void {
    const random = this.#random
    const n = String(++this.#sent)
    const content = this.#content()
    const asks = random.chance(0.2)
    this.#history.sent(`${this.name} up`, n, digestOf(content), asks)
    if (asks) this.#ask(n, content)
    else this.client.emit('up', n, content)

    const { room } = this.#options
    if (room === undefined || !random.chance(0.2)) return
    const id = `${this.name}/${++this.#said}`
    const said = this.#content()
    for (const peer of this.#peers) this.#history.sent(`room ${this.name} > ${peer}`, id, digestOf(said))
    this.client.emit('say', room, id, said)
  }

  #ask(n: string, content: string | Uint8Array): void {
    const answered = this.client.emitWithAck('up', n, content).then(
      () => this.#history.settled(`${this.name} up`, n, 'delivered'),
      (error: { code?: string }) =>
        this.#history.settled(
          `${this.name} up`,
          n,
          error.code === 'not_delivered' ? 'not_delivered' : 'unknown',
        ),
    )
    this.#pending.add(answered)
    void answered.finally(() => this.#pending.delete(answered))
  }

  #content(): string | Uint8Array {
    const random = this.#random
    const size = random.pick(SIZES)
    return random.chance(0.3)
      ? new Uint8Array(size).fill(random.int(0, 255))
      : random.pick(['x', 'é', '\u001e']).repeat(size)
  }
}

/** As the application makes it. */
function digestOf(content: unknown): string {
  return createHash('sha1')
    .update(content as string)
    .digest('base64url')
    .slice(0, 10)
}
