/**
 * A worker reduced to what the bus sees of it: streams, a turn with a commit, and a log of the items taken.
 */
import type { Bus, BusEvents, BusLog, BusStreams } from '../../lib/bus/bus.ts'
import { createMesh, type MeshOptions } from '../../lib/bus/mesh.ts'
import { Frame } from '../../lib/wire/frames.ts'
import { Outbox } from '../../lib/wire/stream.ts'

export interface PeerState {
  outbox: Outbox<Frame>
  received: number
  check: number
  epoch: string | null
  /** Items that were made for it. */
  said: number
  /** The items taken from it, as text. */
  log: string[]
}

export class LogLines implements BusLog {
  readonly lines: { fields: object; message: string }[] = []

  warn(fields: object, message: string): void {
    this.lines.push({ fields, message })
  }
}

export interface MeshWorkerOptions extends Partial<MeshOptions> {
  readonly slot: number
  readonly directory: string
  /** Keeps epochs with the streams, as a worker with a journal does. */
  readonly durable?: boolean
}

export class MeshWorker implements BusStreams {
  readonly slot: number
  readonly log = new LogLines()
  readonly acknowledgements: number[] = []
  readonly resets: number[] = []
  /** Called for each item, behind the log. */
  onItem: ((from: number, number: number, text: string) => void) | null = null
  /** ms until what happens now is committed; 0 at the end of this turn. */
  commitAfter: () => number = () => 0
  answer: BusEvents['ask'] = async (_from, data) => data
  bus!: Bus
  #peers = new Map<number, PeerState>()
  readonly #heardFrom = new Set<number>()
  #committed: Map<number, PeerState> | null = null
  #turn: NodeJS.Immediate | null = null
  #late: NodeJS.Timeout | null = null
  #dead = false

  constructor(slot: number, durable: boolean) {
    this.slot = slot
    if (durable) this.#committed = new Map()
  }

  outbox(to: number): Outbox<Frame> {
    return this.peer(to).outbox
  }

  received(from: number): number {
    return this.peer(from).received
  }

  receivedCheck(from: number): number {
    return this.peer(from).check
  }

  epoch(slot: number): string | null {
    return this.peer(slot).epoch
  }

  logOf(from: number): string[] {
    return this.peer(from).log
  }

  send(to: number, text: string): void {
    this.outbox(to).append(new Frame(Buffer.from(text)))
    this.#wake()
  }

  /** Takes back what has not left, but for every third item, and says so in its place. */
  cut(to: number): void {
    const outbox = this.outbox(to)
    for (const item of outbox.takeBack(this.bus.cut(to)))
      if (Number.parseInt(String(item.data), 10) % 3 === 0) outbox.append(item)
    this.send(to, 'cut')
  }

  /** What a process that dies now would leave behind. */
  get remains(): Map<number, PeerState> {
    return copyOf(this.#committed ?? new Map())
  }

  recover(remains: Map<number, PeerState>): void {
    this.#peers = copyOf(remains)
    this.#committed = copyOf(remains)
  }

  get events(): BusEvents {
    return {
      item: (from, number, data, check) => this.#item(from, number, data, check),
      acknowledged: (to, count) => {
        this.acknowledgements.push(count)
        this.outbox(to).acknowledge(count)
        this.#wake()
      },
      reset: (slot) => {
        this.resets.push(slot)
        this.#peers.set(slot, freshPeer())
        this.#wake()
      },
      ask: (from, data) => this.answer(from, data),
    }
  }

  get durableEvents(): BusEvents {
    const met = (slot: number, epoch: string): void => {
      this.peer(slot).epoch = epoch
      this.#wake()
    }
    return { ...this.events, met }
  }

  commitNow(): void {
    this.#commit()
  }

  /** As a death: what is not committed never happened. */
  async die(): Promise<void> {
    this.#dead = true
    this.#clear()
    await this.bus.close()
  }

  peer(slot: number): PeerState {
    let peer = this.#peers.get(slot)
    if (!peer) {
      peer = freshPeer()
      this.#peers.set(slot, peer)
    }
    return peer
  }

  #item(from: number, number: number, data: Uint8Array, check: number): void {
    const peer = this.peer(from)
    if (number !== peer.received + 1) throw new Error(`item ${number} behind ${peer.received}`)
    peer.received = number
    peer.check = check
    peer.log.push(Buffer.from(data).toString())
    this.#heardFrom.add(from)
    this.#wake()
    this.onItem?.(from, number, peer.log.at(-1)!)
  }

  #wake(): void {
    if (this.#turn || this.#late) return
    const ms = this.commitAfter()
    if (ms > 0) this.#late = setTimeout(() => this.#commit(), ms)
    else this.#turn = setImmediate(() => this.#commit())
  }

  #clear(): void {
    if (this.#turn) clearImmediate(this.#turn)
    if (this.#late) clearTimeout(this.#late)
    this.#turn = null
    this.#late = null
  }

  #commit(): void {
    this.#clear()
    if (this.#dead) return
    if (this.#committed) this.#committed = copyOf(this.#peers)
    for (const from of this.#heardFrom) this.bus.received(from, this.received(from))
    this.#heardFrom.clear()
    this.bus.flush()
  }
}

function freshPeer(): PeerState {
  return { outbox: new Outbox<Frame>(), received: 0, check: 0, epoch: null, said: 0, log: [] }
}

function copyOf(peers: Map<number, PeerState>): Map<number, PeerState> {
  return new Map(
    [...peers].map(([slot, { outbox, log, ...rest }]) => {
      const copy = new Outbox<Frame>()
      copy.begin(outbox.base, outbox.baseCheck)
      for (let n = outbox.base + 1; n <= outbox.end; n++) copy.append(outbox.at(n))
      return [slot, { ...rest, outbox: copy, log: [...log] }]
    }),
  )
}

export async function startMeshWorker(
  options: MeshWorkerOptions,
  remains?: Map<number, PeerState>,
): Promise<MeshWorker> {
  const worker = new MeshWorker(options.slot, options.durable ?? false)
  if (remains) worker.recover(remains)
  const { outbox, received, receivedCheck } = worker
  const streams: BusStreams = options.durable
    ? worker
    : {
        outbox: outbox.bind(worker),
        received: received.bind(worker),
        receivedCheck: receivedCheck.bind(worker),
      }
  worker.bus = await createMesh({
    generation: 1,
    epoch: `epoch of ${options.slot}${options.durable ? '' : ` in ${options.generation ?? 1}`}`,
    streams,
    events: options.durable ? worker.durableEvents : worker.events,
    log: worker.log,
    askTimeoutMs: 20_000,
    ...options,
  })
  return worker
}
