/** One direction of a proxied connection: a queue between two sockets, with the faults of proxy.ts applied to it. */
import type { Socket } from 'node:net'

/** Past this the source is not read: the far end feels the near one's pace, as without a proxy. */
const HIGH_BYTES = 256 * 1024

interface PipeRules {
  readonly segmentBytes: number
  /** By Date.now(); absent: for ever. */
  readonly segmentUntil?: number
  readonly delayMs: number
}

interface Chunk {
  readonly bytes: Buffer
  readonly dueAt: number
}

export class Pipe {
  /** Bytes that were passed on. */
  passed = 0
  /** Bytes that fell into the hole. */
  swallowed = 0
  /** Sees each chunk first; false holds everything back (it is kept) until it says true. */
  inspect: ((chunk: Buffer) => boolean) | null = null
  /** Sees all that comes, before any delay, and all that is passed on. */
  onTake: ((chunk: Buffer) => void) | null = null
  onPass: ((bytes: Buffer) => void) | null = null
  readonly #from: Socket
  readonly #to: Socket
  readonly #rules: PipeRules
  readonly #cut: () => void
  #queue: Chunk[] = []
  #queued = 0
  #cutAt = Number.POSITIVE_INFINITY
  #held = false
  #stalled = false
  #hole = false
  #ended = false
  #waiting: NodeJS.Timeout | NodeJS.Immediate | null = null

  constructor(from: Socket, to: Socket, rules: PipeRules, cut: () => void) {
    this.#from = from
    this.#to = to
    this.#rules = rules
    this.#cut = cut
    from.on('data', (chunk: Buffer) => this.#take(chunk))
    from.on('end', () => {
      this.#ended = true
      this.#pump()
    })
    to.on('drain', () => this.#pump())
    to.on('close', () => this.#clear())
  }

  cutAfter(bytes: number): void {
    this.#cutAt = this.passed + bytes
    if (bytes <= 0) this.#cut()
  }

  swallow(): void {
    this.#hole = true
    this.swallowed += this.#queued
    this.#clear()
    this.#from.resume()
  }

  stall(stalled: boolean): void {
    this.#stalled = stalled
    this.#pump()
  }

  #take(chunk: Buffer): void {
    this.onTake?.(chunk)
    if (this.#hole) {
      this.swallowed += chunk.length
      return
    }
    this.#queue.push({ bytes: chunk, dueAt: Date.now() + this.#rules.delayMs })
    this.#queued += chunk.length
    if (this.#queued > HIGH_BYTES) this.#from.pause()
    if (this.inspect) this.#held = !this.inspect(chunk)
    this.#pump()
  }

  #pump(): void {
    while (!this.#waiting && !this.#hole && !this.#stalled && !this.#held) {
      const [chunk] = this.#queue
      if (!chunk) {
        if (this.#ended && !this.#to.writableEnded) this.#to.end()
        return
      }
      if (this.#to.destroyed || this.#to.writableNeedDrain) return
      const wait = chunk.dueAt - Date.now()
      if (wait > 0) this.#wait(setTimeout(() => this.#resume(), wait))
      else this.#pass(chunk)
    }
  }

  /** Writes one segment, up to the planned cut. */
  #pass({ bytes, dueAt }: Chunk): void {
    const { segmentBytes, segmentUntil = Number.POSITIVE_INFINITY } = this.#rules
    const splits = segmentBytes > 0 && Date.now() < segmentUntil
    const segment = splits ? segmentBytes : bytes.length
    const size = Math.min(segment, bytes.length, this.#cutAt - this.passed)
    if (size < bytes.length) this.#queue[0] = { bytes: bytes.subarray(size), dueAt }
    else this.#queue.shift()
    this.#queued -= size
    this.passed += size
    this.onPass?.(bytes.subarray(0, size))
    this.#to.write(bytes.subarray(0, size))
    if (this.#queued <= HIGH_BYTES) this.#from.resume()
    // The cut comes behind the write, so that the bytes before it do arrive.
    if (this.passed >= this.#cutAt) this.#wait(setImmediate(this.#cut))
    // A turn between two segments, else the kernel joins them.
    else if (splits) this.#wait(setImmediate(() => this.#resume()))
  }

  #wait(handle: NodeJS.Timeout | NodeJS.Immediate): void {
    this.#waiting = handle
  }

  #resume(): void {
    this.#waiting = null
    this.#pump()
  }

  #clear(): void {
    this.#queue = []
    this.#queued = 0
    clearTimeout(this.#waiting as NodeJS.Timeout)
    clearImmediate(this.#waiting as NodeJS.Immediate)
    this.#waiting = null
  }
}
