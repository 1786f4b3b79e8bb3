/** A client of the model: the real session machine, and an application that notes what it is told. */
import type { Conversation } from '../../lib/client/conversation.ts'
import type { Delivery, Discontinuity, LinkId } from '../../lib/client/effects.ts'
import { ClientSession } from '../../lib/client/session.ts'
import type { AnswerResult, Data } from '../../lib/wire/frames.ts'

export type Fate = 'open' | 'delivered' | 'unknown' | 'not_delivered'

/** A message of the application's. */
export interface Mine {
  readonly name: string
  readonly ordinal: number
  /** Its count in that session. */
  readonly number: number
  fate: Fate
  /** What its asker was told, if it was a question. */
  answer: Fate
}

/** What a page asks of the model around it. */
export interface PagePorts {
  send(link: LinkId, frames: readonly Data[]): void
  closeLink(link: LinkId): void
  newKey(): string
  heard(page: Page, name: string): void
  /** It was told so about one of its messages. */
  told(page: Page, message: Mine, fate: Fate): void
  /** It was connected, and is not any more. */
  interrupted(page: Page): void
  discontinuity(page: Page, code: string): void
  wrong(what: string): void
}

export class Page {
  readonly name: string
  readonly machine: ClientSession
  readonly ports: PagePorts
  now = 0
  /** Whose messages it has been getting, and how many came. */
  session: string | null = null
  heard = 0
  mine: Mine[] = []
  ordinal = 1
  discontinuities = 0
  /** Code. */
  closed: string | null = null

  constructor(name: string, ports: PagePorts) {
    this.name = name
    this.ports = ports
    this.machine = new ClientSession({
      instance: name,
      outboxBytes: 10_000,
      newKey: ports.newKey,
      effects: {
        send: (link, frames) => ports.send(link, frames),
        writable: () => true,
        closeLink: (link) => ports.closeLink(link),
        needAuth: (link) => this.machine.authReady(link, null),
        state: (to, from) => {
          if (from === 'connected' && to !== 'closed') ports.interrupted(this)
        },
        deliver: (message) => this.#deliver(message),
        settle: (number, result) => this.#settle(number, result),
        settledUpTo: (ordinal, handled) => this.#settledUpTo(ordinal, handled),
        connect: () => this.#connected(true),
        resume: () => this.#connected(false),
        discontinuity: (info) => this.#discontinuity(info),
        close: ({ code }) => this.#close(code),
        retryAfter: () => {},
        drainAfter: () => {},
      },
    })
  }

  get conversation(): Conversation {
    return this.machine.conversation
  }

  emit(asks: boolean): void {
    const name = `${this.name}${this.mine.length + 1}`
    const number = this.machine.emit('say', [name], asks)
    this.mine.push({ name, ordinal: this.ordinal, number, fate: 'open', answer: asks ? 'open' : 'delivered' })
  }

  /** A second page of the same key, as a duplicated tab or a reload would make it: it knows what this one knows. */
  duplicate(name: string): Page {
    const page = new Page(name, this.ports)
    const { machine } = page
    machine.conversation = copyOf(this.conversation)
    const welcomed = this.conversation.id !== null
    machine.everWelcomed = welcomed
    if (welcomed) machine.phase = { kind: 'recovering' }
    const { session, heard, ordinal, discontinuities } = this
    Object.assign(page, { session, heard, ordinal, discontinuities, mine: this.mine.map((m) => ({ ...m })) })
    return page
  }

  #deliver({ args, ordinal, number }: Delivery): void {
    if (this.closed) this.ports.wrong(`${this.name} hears ${args[0]} behind its close`)
    if (ordinal !== this.ordinal) this.ports.wrong(`${this.name} hears ${args[0]} of a lost session`)
    if (number < 1) this.ports.wrong(`${this.name}: a count of ${number}`)
    this.ports.heard(this, String(args[0]))
    this.heard += 1
  }

  #settle(number: number, result: AnswerResult): void {
    const message = this.mine.find((m) => m.ordinal === this.ordinal && m.number === number)
    if (message?.answer !== 'open')
      return this.ports.wrong(`${this.name} gets an answer to ${number}, which waits for none`)
    if (result.ok && result.value !== message.name)
      this.ports.wrong(`${this.name}: ${message.name} is answered wrong`)
    message.answer = result.ok ? 'delivered' : result.code === 'not_delivered' ? 'not_delivered' : 'unknown'
    if (message.answer !== 'unknown') this.ports.told(this, message, message.answer)
  }

  #settledUpTo(ordinal: number, handled: number): void {
    if (ordinal !== this.ordinal) this.ports.wrong(`${this.name}: session ${ordinal} ends in ${this.ordinal}`)
    for (const message of this.mine) {
      if (message.ordinal === ordinal && message.number <= handled) this.#tell(message, 'delivered')
    }
    this.ordinal = ordinal + 1
  }

  #connected(first: boolean): void {
    const { id } = this.machine
    if (first !== (this.session === null) || (!first && this.session !== id))
      this.ports.wrong(`${this.name} goes on with ${id} behind ${this.session}, and nobody is told`)
    if (first) this.heard = 0
    this.session = id
  }

  #discontinuity({ code, pending }: Discontinuity): void {
    for (const { number, fate } of pending) {
      const message = this.mine.find((m) => m.ordinal === this.ordinal - 1 && m.number === number)
      if (message) this.#tell(message, fate)
      else this.ports.wrong(`${this.name}: ${number} is pending and was never sent`)
    }
    for (const { ordinal, fate, name } of this.mine)
      if (ordinal < this.ordinal && fate === 'open')
        this.ports.wrong(`${this.name}: nothing is said of ${name}`)
    this.session = null
    this.discontinuities += 1
    this.ports.discontinuity(this, code)
  }

  #close(code: string): void {
    if (this.closed) this.ports.wrong(`${this.name} is closed twice`)
    this.closed = code
  }

  #tell(message: Mine, fate: Fate): void {
    if (message.fate !== 'open') this.ports.wrong(`${this.name}: ${message.name} settles twice`)
    message.fate = fate
    this.ports.told(this, message, fate)
  }
}

function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Set) return new Set(value) as T
  if (Array.isArray(value)) return value.map(copyOf) as T
  const fields = Object.entries(value).map(([name, field]) => [name, copyOf(field)])
  return Object.assign(Object.create(Object.getPrototypeOf(value) as object), Object.fromEntries(fields)) as T
}
