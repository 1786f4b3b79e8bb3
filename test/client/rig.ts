/** A session machine with hand-driven links: every effect is written down, frames of the server are made by hand. */

import type { ClientEffects, Delivery } from '../../lib/client/effects.ts'
import { ClientSession } from '../../lib/client/session.ts'
import type { Snapshot } from '../../lib/client/snapshot.ts'
import { assertTransition } from '../../lib/client/transitions.ts'
import { checksum, roll } from '../../lib/wire/checksum.ts'
import {
  type Data,
  encodeClose,
  encodeEvent,
  encodeGone,
  encodeNumber,
  encodeWelcome,
  type Hello,
  type Message,
  parseFrame,
  type Welcome,
} from '../../lib/wire/frames.ts'

export const INSTANCE = 'page-1'

export class Rig {
  readonly session: ClientSession
  /** Effects but for frames, in order: `connect`, `state recovering`, `settle 3 unknown`, `closeLink 1 link_lost`, … */
  log: string[] = []
  readonly delivered: Delivery[] = []
  readonly discontinuities: Parameters<ClientEffects['discontinuity']>[0][] = []
  /** What was sent on each link and not yet read by `sent`. */
  readonly #sent = new Map<number, Data[]>()
  /** Links that take nothing now. */
  readonly blocked = new Set<number>()
  blockAfterSend = false
  onDeliver: (message: Delivery) => void = () => {}
  onResume: (info: {
    readonly replayed: number
    readonly missed: number
    readonly samePage: boolean
  }) => void = () => {}
  onEffect: (entry: string) => void = () => {}
  now = 1000
  #keys = 0

  /** @param snapshot what an earlier page left */
  constructor(outboxBytes = 1024 * 1024, snapshot: Snapshot | null = null) {
    const effects: ClientEffects = {
      send: (link, frames) => {
        this.#sent.set(link, [...(this.#sent.get(link) ?? []), ...frames])
        if (this.blockAfterSend) this.blocked.add(link)
      },
      writable: (link) => !this.blocked.has(link),
      closeLink: (link, code) => this.#note(`closeLink ${link} ${code}`),
      needAuth: (link) => this.#note(`needAuth ${link}`),
      state: (to, from) => {
        assertTransition(from, to)
        this.#note(`state ${to}`)
      },
      deliver: (message) => {
        this.delivered.push(message)
        this.onDeliver(message)
      },
      settle: (number, result) =>
        this.#note(`settle ${number} ${result.ok ? `ok ${JSON.stringify(result.value)}` : result.code}`),
      settledUpTo: () => {},
      connect: () => this.#note('connect'),
      resume: (info) => {
        this.onResume(info)
        this.#note(`resume ${info.replayed}`)
      },
      discontinuity: (info) => {
        this.discontinuities.push(info)
        this.#note(`discontinuity ${info.code}`)
      },
      close: ({ code }) => this.#note(`close ${code}`),
      retryAfter: (ms) => this.#note(`retryAfter ${ms}`),
      drainAfter: (ms) => this.#note(`drainAfter ${ms}`),
    }
    const newKey = (): string => `${snapshot ? 'next-' : ''}key-${++this.#keys}`
    this.session = new ClientSession({ instance: INSTANCE, outboxBytes, newKey, effects, snapshot })
  }

  #note(entry: string): void {
    this.log.push(entry)
    this.onEffect(entry)
  }

  /** The log since last asked. */
  taken(): string[] {
    const { log } = this
    this.log = []
    return log
  }

  /** Flushes, then parses what left on a link since last asked. */
  sent(link: number): Message[] {
    this.session.flush(this.now)
    const frames = this.#sent.get(link) ?? []
    this.#sent.delete(link)
    return frames.map((data) => {
      const message = parseFrame(data, 'client')
      if (!message) throw new Error(`malformed frame ${String(data)}`)
      return message
    })
  }

  /** Names of the events that left on a link. */
  sentEvents(link: number): string[] {
    return this.sent(link).flatMap((m) => (m.type === 'event' || m.type === 'volatile' ? [m.event.name] : []))
  }

  /** Opens a link and reads its hello. */
  open(link: number, auth?: unknown): Hello {
    this.session.linkOpened(link)
    this.session.authReady(link, auth)
    const [first] = this.sent(link)
    if (first?.type !== 'hello') throw new Error(`no hello on link ${link}`)
    return first.hello
  }

  frame(link: number, data: Data): void {
    this.session.linkFrame(link, data, this.now)
  }

  event(link: number, name: string, ...args: unknown[]): void {
    this.frame(link, encodeEvent(name, args))
  }

  question(link: number, name: string, ...args: unknown[]): void {
    this.frame(link, encodeEvent(name, args, true))
  }

  received(link: number, count: number): void {
    this.frame(link, encodeNumber('received', count))
  }

  welcome(link: number, welcome: Partial<Welcome> = {}): void {
    const limits = { payloadBytes: 4 * 1024 * 1024, outboxBytes: 1024 * 1024 }
    const sent = Math.max(0, (welcome.from ?? 1) - 1)
    const standard = { id: 's1', from: 1, taken: 0, handled: 0, check: 0, sent, graceMs: 120_000, limits }
    this.frame(link, encodeWelcome({ ...standard, ...welcome }))
  }

  gone(link: number, code: string, handled: number, taken: number): void {
    this.frame(link, encodeGone({ code, handled, taken }))
  }

  close(link: number, code: string, instance?: string): void {
    this.frame(link, encodeClose(code, 'because', instance))
  }

  /** Connected on link 1. */
  connected(): this {
    this.open(1)
    this.welcome(1)
    this.taken()
    return this
  }
}

/** The rolling check over plain events without arguments, as both sides keep it. */
export function checkOf(...names: string[]): number {
  return names.reduce((check, name) => roll(check, checksum(encodeEvent(name, [])).crc), 0)
}
