/**
 * A client under load in both directions, text and binary mixed, against test/e2e/apps/load.js. Everything sent and
 * received on either side goes into a history.
 */
import { createHash } from 'node:crypto'
import { connectIn } from '../../lib/client/client.ts'
import type { Client, ClientOptions } from '../../lib/client/index.ts'
import type { Fate, History } from './history.ts'
import { TestPage } from './page.ts'
import type { Random } from './seed.ts'
import { until, within } from './until.ts'

/** Bytes of the messages, both ways; the largest is several TCP segments. */
const SIZES = [1, 40, 300, 1500, 6000]
/** To stop under load and to ask for the server's memory. */
const CALM_MS = 20_000

interface ServerLog {
  readonly sent: [number: number, digest: string][]
  readonly received: [number: number, digest: string][]
}

export interface LoadOptions {
  readonly everyMs: number
  /** Publishes into this room, too. */
  readonly room?: string | undefined
  /** Bytes of the messages; default up to several TCP segments. */
  readonly sizes?: readonly number[]
  /** How much faster than ours the client's clock runs; default 1. */
  readonly speed?: number | undefined
  readonly client: Partial<ClientOptions>
}

export class LoadedClient {
  readonly name: string
  readonly client: Client
  readonly page: TestPage
  /** Suspends and resumes seen by the application. */
  suspends = 0
  resumes = 0
  discontinuities: string[] = []
  /** Messages sent and received. */
  up = 0
  down = 0
  readonly #history: History
  readonly #random: Random
  readonly #options: LoadOptions
  readonly #peers: readonly string[]
  readonly #pending = new Set<Promise<unknown>>()
  #timer: NodeJS.Timeout | undefined
  #sent = 0
  /** Messages 1 … settled belong to sessions that were lost. */
  #settled = 0
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
    const { speed = 1 } = options
    this.page = new TestPage(speed)
    const delays = { reconnectDelayMs: 20 * speed, reconnectDelayMaxMs: 200 * speed }
    this.client = connectIn(this.page.surroundings, url, { ...delays, ...options.client })
    this.#listen()
  }

  /** Into its room, if it has one. */
  async enter(): Promise<void> {
    const { room } = this.#options
    if (room === undefined) return
    await within(this.client.emitWithAck('enter', room), CALM_MS, `${this.name}: the room`)
  }

  async start(): Promise<void> {
    const { everyMs } = this.#options
    await within(this.client.emitWithAck('start', everyMs, this.#sizes), CALM_MS, `${this.name}: the start`)
    this.#timer = setInterval(() => this.burst(), everyMs)
  }

  /** No more sends; resolves when both sides have everything, and puts the server's memory into the history. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await within(this.client.emitWithAck('stop'), CALM_MS, `${this.name}: the stop`)
    // Its answer is behind all that was sent down, its question behind all that was sent up.
    await this.record(this.client)
  }

  /**
   * Puts the server's memory into the history.
   * @param asker a session in the same segment; where it is not this one, everything must have arrived
   */
  async record(asker: Client): Promise<void> {
    await within(Promise.all(this.#pending), CALM_MS, `${this.name}: all answers`)
    const asked = asker.emitWithAck('log', this.client.id)
    const log = (await within(asked, CALM_MS, `${this.name}: the log`)) as ServerLog
    for (const [n, digest] of log.sent)
      this.#history.sent(`${this.name} down`, String(n), digest, false, this.client.id ?? '')
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
      this.down += 1
      history.received(`${name} down`, String(n), digestOf(content))
    })
    client.on('said', (_room: unknown, id: unknown, content: unknown) => {
      this.down += 1
      const from = String(id).split('/')[0]
      history.received(`room ${from} > ${name}`, String(id), digestOf(content))
    })
    const note = (): void => {
      const id = client.id ?? ''
      history.session(`${name} down`, id)
      const owner = (pid: unknown): void => history.owner(id, `worker ${pid}`)
      // A session that is lost before it answers has no owner to tell of.
      client.emitWithAck('pid').then(owner, () => {})
    }
    client.on('connect', note)
    client.on('resume', () => {
      this.resumes += 1
      note()
    })
    client.on('suspend', () => {
      this.suspends += 1
    })
    client.on('discontinuity', ({ code, pending }) => {
      this.discontinuities.push(code)
      this.#told(pending.filter((send) => send.name === 'up').map(({ fate }) => fate))
      for (const direction of ['up', 'down']) history.discontinuity(`${name} ${direction}`, code)
    })
    client.on('close', ({ code }) => {
      clearInterval(this.#timer)
      history.closed(`${name} down`)
      if (code !== 'closed_by_client') this.discontinuities.push(`close ${code}`)
    })
  }

  /** The session's last messages have these fates, those before them were delivered. */
  #told(fates: readonly Fate[]): void {
    const first = this.#sent - fates.length + 1
    for (let n = this.#settled + 1; n <= this.#sent; n++)
      this.#history.told(`${this.name} up`, String(n), fates[n - first] ?? 'delivered')
    this.#settled = this.#sent
  }

  /** One message, now and then a question, now and then one to the room. */
  burst(): void {
    const random = this.#random
    this.up += 1
    const n = String(++this.#sent)
    const content = this.#content()
    const asks = random.chance(0.2)
    this.#history.sent(`${this.name} up`, n, digestOf(content), asks)
    if (asks) this.#ask(n, content)
    else this.client.emit('up', n, content)

    const { room } = this.#options
    if (room === undefined || !random.chance(0.2)) return
    this.up += 1
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

  get #sizes(): readonly number[] {
    return this.#options.sizes ?? SIZES
  }

  #content(): string | Uint8Array {
    const random = this.#random
    const size = random.pick(this.#sizes)
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
