/**
 * Engine.IO 4's heartbeat of many links on one wheel, not two timers each: the server pings, and a link that says
 * nothing in time is lost. Pure: the time is handed in.
 */
import { Deadlines } from './deadlines.ts'

export interface Pulse {
  /** ms: the next ping leaves; or, while a pong is awaited, the link is lost. Infinity: it has ended. */
  due: number
  awaitsPong: boolean
  ping(): void
  lost(): void
}

export class Heartbeats {
  readonly #intervalMs: number
  readonly #timeoutMs: number
  /** Each pulse stands here once. */
  readonly #wheel = new Deadlines<Pulse>()

  constructor(intervalMs: number, timeoutMs: number) {
    this.#intervalMs = intervalMs
    this.#timeoutMs = timeoutMs
  }

  begin(pulse: Pulse, now: number): void {
    pulse.due = now + this.#intervalMs
    this.#watch(pulse, now)
  }

  /** Whatever comes shows that the other end lives: its pong may stand behind a large message. */
  heard(pulse: Pulse, now: number): void {
    if (pulse.awaitsPong) pulse.due = now + this.#timeoutMs
  }

  pong(pulse: Pulse, now: number): void {
    if (!pulse.awaitsPong) return
    pulse.awaitsPong = false
    pulse.due = now + this.#intervalMs
  }

  tick(now: number): void {
    this.#wheel.expire(now, (pulse) => this.#look(pulse, now))
  }

  #look(pulse: Pulse, now: number): void {
    if (pulse.due === Number.POSITIVE_INFINITY) return
    if (pulse.due > now) return this.#watch(pulse, now)
    if (pulse.awaitsPong) return pulse.lost()
    pulse.awaitsPong = true
    pulse.due = now + this.#timeoutMs
    this.#watch(pulse, now)
    pulse.ping()
  }

  /** A pong may bring the next ping before the time of its own deadline. */
  #watch(pulse: Pulse, now: number): void {
    this.#wheel.set(pulse, Math.min(pulse.due, now + this.#intervalMs))
  }
}
