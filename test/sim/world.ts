/**
 * Clients and workers, the real code of both and of the bus between them, joined by a network that fails. Each step
 * moves one thing; `settle` heals the network and runs until nothing moves, then every history must be clean.
 */
import { History } from '../support/history.ts'
import { RoomHistory } from '../support/room-history.ts'
import { type Random, randomFrom } from '../support/seed.ts'
import { App } from './app.ts'
import { Clock } from './clock.ts'
import { Mesh } from './mesh.ts'
import { Network } from './network.ts'
import { Node } from './node.ts'
import { Page } from './page.ts'
import { perform } from './perform.ts'
import { restFindings } from './rest.ts'
import { Drawer, type Step } from './steps.ts'

export interface WorldOptions {
  readonly workers: number
  readonly clients: number
  /** Chances of a step, per mille. */
  readonly faults: number
  /** A worker may lose its memory. */
  readonly restarts: boolean
  /** Flushes take their time, so that those behind them rest. */
  readonly rests: boolean
}

/** Copies of pages at a time. */
const COPIES_MAX = 2
/** A worker remembers the attempts of so many instances besides the current one: their late hellos are harmless. */
const KEY_COPIES_MAX = 4

export class World {
  readonly history = new History()
  readonly rooms = new RoomHistory()
  readonly findings: string[] = []
  readonly counts: Record<string, number> = {}
  readonly clock = new Clock()
  readonly options: WorldOptions
  readonly nodes: Node[] = []
  readonly pages: Page[] = []
  readonly network: Network
  readonly mesh: Mesh
  readonly app: App
  /** All that was done: performed again in a world with the same options, it leads to the same end. */
  readonly trace: Step[] = []
  readonly #drawer: Drawer
  /** Pages that had their key for themselves until somebody copied them, and the copies. */
  readonly #copied = new Set<string>()
  readonly #keyCopies = new Map<string, number>()
  readonly #jitter = randomFrom(1)
  #ids = 0

  constructor(random: Random, options: WorldOptions) {
    this.options = options
    this.#drawer = new Drawer(random, options.faults, options.restarts)
    this.app = new App(this)
    this.network = new Network(this)
    this.mesh = new Mesh(this.nodes, (what) => this.count(what))
    for (let slot = 0; slot < options.workers; slot++) this.nodes.push(this.#node(slot, 1))
    for (const node of this.nodes) this.mesh.announce(node)
    for (let client = 0; client < options.clients; client++) this.pages.push(this.#page(client))
  }

  get steps(): number {
    return this.trace.length
  }

  /** One step, drawn. @returns a promise where something is to be waited for */
  step(): Promise<void> | null {
    return this.perform(this.#drawer.next())
  }

  perform(step: Step): Promise<void> | null {
    this.trace.push(step)
    perform(this, step)
    if (step.do === 'finish') return this.#handlersGoOn()
    this.turnEnds()
    return null
  }

  /** What stands behind the awaits of handlers, and of those who run them. */
  async #handlersGoOn(): Promise<void> {
    for (let i = 0; i < 4; i++) await Promise.resolve()
    this.turnEnds()
  }

  turnEnds(): void {
    for (const page of this.pages) page.turnEnds()
  }

  /** No more faults: everything moves until nothing is left to move. @returns what must not have happened */
  async settle(): Promise<string[]> {
    await this.#rest()
    for (const node of this.nodes) {
      this.app.tellAll(node)
      node.commit()
    }
    this.network.skipLast()
    await this.#rest()
    if (!this.#quiet) this.find('the world did not come to rest')
    this.counts['room messages'] = this.rooms.order.size
    this.counts['answers to joins that do not count'] = this.rooms.overtaken
    return [...this.findings, ...restFindings(this)]
  }

  async #rest(): Promise<void> {
    for (let round = 0; round < 400; round++) {
      for (const page of this.pages) {
        page.back()
        page.reply()
      }
      for (const node of this.nodes) {
        while (node.waiting.length > 0) {
          node.finish(0)
          await this.#handlersGoOn()
        }
        node.commit()
      }
      this.turnEnds()
      this.network.heal()
      this.mesh.heal()
      this.turnEnds()
      this.pass(round < 20 ? 300 : 1000)
      this.turnEnds()
      if (round > 20 && this.#quiet) break
    }
  }

  /** Leaves no timer of a connection behind. */
  end(): void {
    this.mesh.close()
  }

  get #quiet(): boolean {
    return (
      this.network.quiet &&
      this.mesh.quiet &&
      this.pages.every(({ quiet }) => quiet) &&
      this.nodes.every((node) => node.quiet)
    )
  }

  // — what steps do to more than one part —

  pass(ms: number): void {
    this.clock.pass(ms)
    for (const page of this.pages) page.tick()
    for (const node of this.nodes) {
      node.sessions.tick()
      node.bus.tell()
    }
  }

  /** The process died without a journal: its sessions and homes are gone, and everybody must be told. */
  restart(node: Node): void {
    this.count('restarts of workers')
    const slot = node.slot
    this.rooms.order.died(slot, node.name)
    this.network.nodeDied(node)
    this.mesh.died(node)
    this.nodes[slot] = this.#node(slot, node.life + 1)
    this.mesh.announce(this.nodes[slot])
  }

  /** Whatever set it: deadlines may come early or late, and nothing else. */
  setClock(node: Node, ms: number): void {
    this.count(ms < 0 ? 'clocks set back' : 'clocks set forward')
    node.setClock(ms)
  }

  /** The page is loaded again: another process, another session. */
  newPage(page: Page): void {
    if (!page.closed) this.count('restarts of pages')
    this.#pageDied(page)
    this.pages[this.pages.indexOf(page)] = this.#page(page.client)
  }

  /** A second process with the same key. */
  copyPage(page: Page): void {
    const keys = this.#keyCopies.get(page.key) ?? 0
    if (page.closed || keys === KEY_COPIES_MAX) return
    this.#keyCopies.set(page.key, keys + 1)
    this.count('copies of pages')
    const { clients } = this.options
    const copies = this.pages.length - clients
    const copy = this.#page(page.client, [page.key])
    this.#copied.add(page.name).add(copy.name)
    if (copies < COPIES_MAX) this.pages.push(copy)
    else {
      const at = clients + (copy.client % COPIES_MAX)
      this.#pageDied(this.pages[at]!)
      this.pages[at] = copy
    }
  }

  #pageDied(page: Page): void {
    page.die()
    this.network.pageDied(page)
  }

  #page(client: number, keys: string[] = []): Page {
    return new Page(`c${client}-${this.newId()}`, client, this, keys)
  }

  #node(slot: number, life: number): Node {
    return new Node(this, slot, life)
  }

  // — what its parts need of it —

  newId(): number {
    return ++this.#ids
  }

  jitter(): number {
    return this.#jitter.next()
  }

  nodeOf(client: number): Node {
    return this.nodes[client % this.nodes.length]!
  }

  /** Pages that believe they have this session. */
  owners(session: string): string[] {
    return this.pages.filter((page) => page.owns(session)).map(({ name }) => name)
  }

  isCopied(page: string): boolean {
    return this.#copied.has(page)
  }

  pageClosed(page: Page, code: string): void {
    this.count(`client closed: ${code}`)
    const expected = code === 'closed_by_client' || (code === 'taken_over' && this.isCopied(page.name))
    if (!expected) this.find(`${page.name} was closed: ${code}`)
  }

  refused(code: string, reason: string): void {
    this.count(`refused: ${code}`)
    if (code === 'protocol_error') this.find(`a client broke the protocol: ${reason}`)
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  find(finding: string): void {
    this.findings.push(finding)
  }
}
