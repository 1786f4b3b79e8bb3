/** A client under load in both directions against apps/chaos.js, and what it has seen in the end. */
import { createHash } from 'node:crypto'
import { type Client, type ClientOptions, connect } from '../../lib/client/index.ts'
import type { History } from '../support/history.ts'
import type { RoomViews } from '../support/room-views.ts'
import type { Random } from '../support/seed.ts'
import { until, within } from '../support/until.ts'

const SIZES = [1, 40, 300, 1500]
/** For what must come when a fault is over; a long run on a busy machine takes more. */
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 20_000)

interface ServerData {
  readonly opens: number
  readonly down: number
  readonly up: number
  readonly side: number
}

/** A session that went on: what happened to it, in words, where it must not happen. */
export class ChaosClient {
  readonly name: string
  readonly client: Client
  readonly wrong: string[] = []
  /** From each suspend to the resume that followed, ms. */
  readonly gaps: number[] = []
  suspends = 0
  readonly #history: History
  readonly #views: RoomViews
  readonly #random: Random
  readonly #everyMs: number
  readonly #room: string
  readonly #pending = new Set<Promise<unknown>>()
  readonly #digests = new Map<number, string>()
  readonly #sided = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined
  #id: string | null = null
  #entered = false
  #suspendedAt = 0
  #sent = 0
  #sides = 0
  #said = 0

  constructor(
    url: string,
    name: string,
    options: ClientOptions & { readonly everyMs: number; readonly room: string },
    history: History,
    views: RoomViews,
    random: Random,
  ) {
    const { everyMs, room, ...own } = options
    this.name = name
    this.#everyMs = everyMs
    this.#room = room
    this.#history = history
    this.#views = views
    this.#random = random
    this.client = connect(url, { reconnectDelayMs: 20, reconnectDelayMaxMs: 200, ...own })
    this.#listen()
  }

  async start(): Promise<void> {
    this.#views.entering(this.#room, this.name, this.#publishes())
    this.client.emit('enter', this.#room, `${this.name}/${this.#said}`)
    await within(this.client.emitWithAck('start', this.#everyMs), PATIENCE_MS, `${this.name}: the start`)
    await until(() => this.#entered, PATIENCE_MS, `${this.name} in its room`)
    this.#timer = setInterval(() => this.#burst(), this.#everyMs)
  }

  /** No more sends; resolves when both sides have everything, and judges what the server keeps of it. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await within(this.client.emitWithAck('stop'), PATIENCE_MS, `${this.name}: the stop`)
    await within(Promise.all(this.#pending), PATIENCE_MS, `${this.name}: all answers`)
    // Those that ran beside the others may still be running.
    await until(() => this.#sided.size >= this.#sides, PATIENCE_MS, `${this.name}: all that runs beside`)
    const data = (await within(
      this.client.emitWithAck('data'),
      PATIENCE_MS,
      `${this.name}: the data`,
    )) as ServerData
    for (let n = 1; n <= data.down; n++)
      this.#history.sent(`${this.name} down`, String(n), this.#digests.get(n) ?? '')
    const expected = { opens: 1, up: this.#sent, side: this.#sides }
    for (const key of ['opens', 'up', 'side'] as const)
      if (data[key] !== expected[key])
        this.wrong.push(`${this.name}: data says ${data[key]} of ${expected[key]} ${key}`)
    for (const [n, times] of this.#sided)
      if (times !== 1) this.wrong.push(`${this.name}: side ${n} ${times} times`)
  }

  close(): void {
    clearInterval(this.#timer)
    this.client.close()
  }

  #listen(): void {
    const { client, name } = this
    const history = this.#history
    client.on('down', (n: unknown, digest: unknown, content: unknown) => {
      this.#digests.set(Number(n), String(digest))
      history.received(`${name} down`, String(n), digestOf(content))
    })
    client.on('took', (n: unknown, digest: unknown) =>
      history.received(`${name} up`, String(n), String(digest)),
    )
    client.on('sided', (n: unknown) => this.#sided.set(Number(n), (this.#sided.get(Number(n)) ?? 0) + 1))
    client.on('echo', (n: unknown) => n)
    client.on('entered', () => {
      this.#entered = true
    })
    client.on('said', (room: unknown, id: unknown) => this.#views.received(String(room), name, String(id)))
    client.on('connect', () => this.#attached())
    client.on('resume', () => {
      this.gaps.push(performance.now() - this.#suspendedAt)
      this.#attached()
    })
    client.on('suspend', () => {
      this.suspends += 1
      this.#suspendedAt = performance.now()
    })
    client.on('discontinuity', ({ code }) => {
      const ms = Math.round(performance.now() - this.#suspendedAt)
      this.wrong.push(`${name}: discontinuity ${code}, ${ms} ms after its last suspend`)
    })
    client.on('close', ({ code }) => {
      if (code !== 'closed_by_client') this.wrong.push(`${name}: closed, ${code}`)
    })
  }

  #attached(): void {
    const id = this.client.id ?? ''
    this.#id ??= id
    if (id !== this.#id) this.wrong.push(`${this.name}: another session`)
    const owner = (pid: unknown): void => this.#history.owner(id, `worker ${pid}`)
    this.client.emitWithAck('pid').then(owner, () => {})
  }

  /** One message, now and then a question, one that is handled beside the others, one to the room. */
  #burst(): void {
    const random = this.#random
    const n = String(++this.#sent)
    const content = this.#content()
    const asks = random.chance(0.2)
    const name = random.chance(0.2) ? 'later' : 'up'
    this.#history.sent(`${this.name} up`, n, digestOf(content), asks)
    if (asks) this.#ask(name, n, content)
    else this.client.emit(name, Number(n), content)
    if (random.chance(0.2)) this.client.emit('side', ++this.#sides)
    if (random.chance(0.2)) this.client.emit('say', this.#room, this.#publishes())
  }

  #publishes(): string {
    const id = `${this.name}/${++this.#said}`
    this.#views.published(this.#room, this.name, id)
    return id
  }

  #ask(name: string, n: string, content: string | Uint8Array): void {
    const stream = `${this.name} up`
    const answered = this.client.emitWithAck(name, Number(n), content).then(
      () => this.#history.settled(stream, n, 'delivered'),
      (error: { code?: string }) => this.wrong.push(`${this.name}: the answer to ${n} is ${error.code}`),
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
