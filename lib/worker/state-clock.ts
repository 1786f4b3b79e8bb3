/**
 * The time that graces are counted in: it goes on while the process is dead, and a wall clock that is set does not
 * touch it. In whole ms; between two processes of one boot it is the machine's monotonic clock, across a boot the wall
 * clock's difference, never backwards.
 */
import { readFileSync } from 'node:fs'

/** One moment on all three clocks. */
export interface Moment {
  readonly time: number
  readonly wall: number
  readonly monotonic: number
  /** Which boot the monotonic clock counts from. */
  readonly boot: string
}

export class StateClock {
  #offset: number

  constructor() {
    this.#offset = Date.now() - monotonic()
  }

  readonly now = (): number => Math.floor(monotonic() + this.#offset)

  moment(): Moment {
    return { time: this.now(), wall: Date.now(), monotonic: Math.floor(monotonic()), boot: bootId() }
  }

  /** Goes on where a dead process was. @param last the last time it noted, not before `then` */
  goOn(then: Moment, last: number): void {
    const passed =
      then.boot === bootId() && then.boot !== '' ? monotonic() - then.monotonic : Date.now() - then.wall
    this.#offset = Math.max(then.time + passed, last) - monotonic()
  }
}

/** What `performance.now` counts from. It is as monotonic, and a fraction of the time to ask. */
const BEGIN = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now()

/** Of the machine, the same for all its processes. */
function monotonic(): number {
  return BEGIN + performance.now()
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
