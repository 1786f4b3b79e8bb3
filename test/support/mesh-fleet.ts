/** Meshes of several workers in one process, each pair connected through a socket that can be cut at any byte. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MeshWorker, type MeshWorkerOptions, startMeshWorker } from './mesh-worker.ts'
import { Pipe } from './pipe.ts'
import type { Random } from './seed.ts'

/** After how many bytes a connection ends. */
export interface Life {
  readonly up: number
  readonly down: number
}

export type FleetOptions = Omit<MeshWorkerOptions, 'slot' | 'directory'>

interface Teardown {
  teardown(fn: () => Promise<void> | void): void
}

export interface Pair {
  readonly from: number
  readonly to: number
}

export function pairsOf(fleet: MeshFleet): Pair[] {
  const slots = [...fleet.workers.keys()]
  return slots.flatMap((from) => slots.filter((to) => to !== from).map((to) => ({ from, to })))
}

/** Most connections end after some thousand bytes, some within the hellos. */
export function cutsAnywhere(random: Random): () => Life {
  const bytes = (): number => (random.chance(0.3) ? random.int(0, 120) : random.int(100, 40_000))
  return () => ({ up: bytes(), down: bytes() })
}

/** A directory whose name is short enough for sockets; removed behind the test. */
export function socketDirectory(t: Teardown): string {
  const directory = mkdtempSync(join(tmpdir(), 'bus-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export class MeshFleet {
  readonly workers: MeshWorker[] = []
  readonly generations: number[] = []
  /** Asked for each new connection; null lets it live. */
  life: (() => Life) | null = null
  readonly #directory: string
  readonly #options: FleetOptions
  readonly #sockets = new Map<string, CuttingSocket>()
  #lastGeneration = 0

  constructor(directory: string, options: FleetOptions) {
    this.#directory = directory
    this.#options = options
  }

  /** Connections made so far. */
  get made(): number {
    return [...this.#sockets.values()].reduce((sum, { made }) => sum + made, 0)
  }

  /** All pairs are connected. */
  get whole(): boolean {
    const others = this.workers.length - 1
    return this.workers.every(({ bus }) => bus.figures.peersConnected === others)
  }

  /** The slot's next process, with what the one before left behind. */
  async start(slot: number, former?: MeshWorker): Promise<MeshWorker> {
    const generation = ++this.#lastGeneration
    const directory = this.directoryOf(slot)
    mkdirSync(directory, { recursive: true })
    const options = { ...this.#options, slot, directory, generation }
    const worker = await startMeshWorker(options, this.#options.durable ? former?.remains : undefined)
    this.workers[slot] = worker
    this.generations[slot] = generation
    return worker
  }

  /** Tells all who holds which slot, as the primary does; lower slots reach it through sockets that can be cut. */
  async announce(): Promise<void> {
    for (const [slot, generation] of this.generations.entries())
      for (let dialler = 0; dialler < slot; dialler++)
        await this.#lead(dialler, `bus-${slot}-${generation}`, slot)
    for (const worker of this.workers) {
      worker.bus.fleet(this.generations)
      worker.commitNow()
    }
  }

  directoryOf(slot: number): string {
    return join(this.#directory, String(slot))
  }

  cutAll(): void {
    for (const socket of this.#sockets.values()) socket.cutAll()
  }

  async stop(): Promise<void> {
    for (const { bus } of this.workers) await bus.close()
    for (const socket of this.#sockets.values()) await socket.stop()
  }

  async #lead(dialler: number, name: string, slot: number): Promise<void> {
    const path = join(this.directoryOf(dialler), name)
    if (this.#sockets.has(path)) return
    const socket = new CuttingSocket(path, join(this.directoryOf(slot), name), () => this.life?.() ?? null)
    this.#sockets.set(path, socket)
    await socket.listening()
  }
}

export async function startFleet(t: Teardown, count: number, options: FleetOptions = {}): Promise<MeshFleet> {
  const fleet = new MeshFleet(socketDirectory(t), options)
  for (let slot = 0; slot < count; slot++) await fleet.start(slot)
  await fleet.announce()
  t.teardown(() => fleet.stop())
  return fleet
}

class CuttingSocket {
  /** Connections made so far. */
  made = 0
  readonly #sockets = new Set<Socket>()
  readonly #life: () => Life | null
  readonly #server: Server

  constructor(path: string, target: string, life: () => Life | null) {
    this.#life = life
    this.#server = createServer((near) => this.#pass(near, dial(target)))
    this.#server.listen(path)
  }

  listening(): Promise<unknown> {
    return once(this.#server, 'listening')
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cutAll()
    await closed
  }

  #pass(near: Socket, far: Socket): void {
    this.made += 1
    const cut = (): void => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        cut()
      })
    }
    const life = this.#life()
    if (!life) {
      near.pipe(far)
      far.pipe(near)
      return
    }
    const rules = { segmentBytes: 0, delayMs: 0 }
    new Pipe(near, far, rules, cut).cutAfter(life.up)
    new Pipe(far, near, rules, cut).cutAfter(life.down)
  }
}
