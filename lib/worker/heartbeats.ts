/**
 * Engine.IO 4's heartbeat of many links in two queues, not two timers each: the server pings, and a link that says
 * nothing in time is lost. All wait equally long, so that who came first is due first; who has ended is held no longer.
 * Pure: the time is handed in.
 */
export interface Pulse {
  /** ms: the next ping leaves; or, while a pong is awaited, the link is lost. */
  due: number
  awaitsPong: boolean
  ping(): void
  lost(): void
}

export class Heartbeats {
  readonly #intervalMs: number
  readonly #timeoutMs: number
  readonly #quiet = new Set<Pulse>()
  readonly #pinged = new Set<Pulse>()

  constructor(intervalMs: number, timeoutMs: number) {
    this.#intervalMs = intervalMs
    this.#timeoutMs = timeoutMs
  }

  begin(pulse: Pulse, now: number): void {
    pulse.awaitsPong = false
    pulse.due = now + this.#intervalMs
    this.#quiet.add(pulse)
  }

  /** Whatever comes shows that the other end lives: its pong may stand behind a large message. */
  heard(pulse: Pulse, now: number): void {
    if (this.#pinged.delete(pulse)) this.#await(pulse, now)
  }

  pong(pulse: Pulse, now: number): void {
    if (this.#pinged.delete(pulse)) this.begin(pulse, now)
  }

  end(pulse: Pulse): void {
    this.#quiet.delete(pulse)
    this.#pinged.delete(pulse)
  }

  tick(now: number): void {
    for (const pulse of this.#pinged) {
      if (pulse.due > now) break
      this.#pinged.delete(pulse)
      pulse.lost()
    }
    for (const pulse of this.#quiet) {
      if (pulse.due > now) break
      this.#quiet.delete(pulse)
      this.#await(pulse, now)
      pulse.ping()
    }
  }

  #await(pulse: Pulse, now: number): void {
    pulse.awaitsPong = true
    pulse.due = now + this.#timeoutMs
    this.#pinged.add(pulse)
  }
}
