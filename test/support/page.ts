/** A page around a real client: its clock, its network's moods, and a look at what its links bring. */
import type { Link, LinkTransport, OpenLink } from '../../lib/client/link.ts'
import { type Page, type Surroundings, surroundings } from '../../lib/client/surroundings.ts'
import { type Data, parseFrame } from '../../lib/wire/frames.ts'

export class TestPage implements Page {
  /** For `connectIn`. */
  readonly surroundings: Surroundings
  /** Counted frames that a new link brought again because the old one had gone on until its welcome. */
  skips = 0
  /** What brought the last welcome. */
  carrier: LinkTransport | null = null
  readonly #listeners = new Map<string, () => void>()
  #session = ''
  /** Frames 1 … received have come. */
  #received = 0

  /**
   * @param speed how much faster than ours its clock runs: a page waits a second at least before it leaves polling, and
   * after some cuts up to an hour
   */
  constructor(speed = 1) {
    this.surroundings = {
      ...surroundings,
      now: () => surroundings.now() * speed,
      setTimer: (act, ms) => surroundings.setTimer(act, ms / speed),
      openLink: (target, transport, events) => this.#watch(target, transport, events),
      page: this,
    }
  }

  addEventListener(name: string, listener: unknown): void {
    this.#listeners.set(name, listener as () => void)
  }

  removeEventListener(name: string): void {
    this.#listeners.delete(name)
  }

  isVisible(): boolean {
    return true
  }

  /** `offline`: the links are closed and nothing is said until `online`. `online` alone: a second link takes over. */
  tell(event: 'offline' | 'online'): void {
    this.#listeners.get(event)?.()
  }

  #watch(...[target, transport, events]: Parameters<OpenLink>): Link {
    let next = 0
    return surroundings.openLink(target, transport, {
      ...events,
      frame: (data) => {
        next = this.#count(data, next, transport)
        events.frame(data)
      },
    })
  }

  /** As PROTOCOL.md says, independently of the client's own counting. @returns the number of the next counted frame */
  #count(data: Data, next: number, transport: LinkTransport): number {
    const type = typeof data === 'string' ? data[0] : String.fromCharCode(data[0]!)
    if (type === 'w') {
      const message = parseFrame(data, 'server')
      if (message?.type !== 'welcome') return next
      const { id, from } = message.welcome
      if (id !== this.#session) this.#received = 0
      this.#session = id
      this.carrier = transport
      return from
    }
    if (type !== 'e' && type !== 'q' && type !== 'a') return next
    if (next <= this.#received) this.skips += 1
    else this.#received = next
    return next + 1
  }
}
