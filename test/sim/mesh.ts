/** The wires between workers: they are dialled, cut and found out when the world says so, at any byte. */
import { SimSocket } from './bus.ts'
import type { Node } from './node.ts'

interface Wire {
  readonly low: Node
  readonly high: Node
  /** The low slot's end, and the high one's. */
  readonly ends: readonly [SimSocket, SimSocket]
}

export class Mesh {
  #wires: Wire[] = []
  readonly #nodes: readonly Node[]
  readonly #count: (what: string) => void

  constructor(nodes: readonly Node[], count: (what: string) => void) {
    this.#nodes = nodes
    this.#count = count
  }

  /** Nothing is on its way, and each pair that may be is connected. */
  get quiet(): boolean {
    const missing = this.#pairs().some(([low, high]) => this.#mayDial(low, high))
    return !missing && this.#ends().every(({ cut, comingBytes }) => !cut && comingBytes === 0)
  }

  #pairs(): [Node, Node][] {
    return this.#nodes.flatMap((low, slot) =>
      this.#nodes.slice(slot + 1).map((high): [Node, Node] => [low, high]),
    )
  }

  /** The lower slot keeps the connection, once it was told that somebody is there, until it knows that it is lost. */
  #mayDial(low: Node, high: Node): boolean {
    if (low.bus.generations[high.slot] !== high.life) return false
    return !this.#wires.some((wire) => wire.low === low && wire.high === high && !wire.ends[0].destroyed)
  }

  dial(nth: number): void {
    const pairs = this.#pairs().filter(([low, high]) => this.#mayDial(low, high))
    if (pairs.length === 0) return
    const [low, high] = pairs[nth % pairs.length]!
    const ends = SimSocket.pair()
    this.#wires.push({ low, high, ends })
    high.bus.accept(ends[1])
    low.bus.dial(high.slot, ends[0])
    this.#count('bus: dialled')
  }

  /** Some bytes of one direction arrive. @returns false where nothing is on its way */
  move(nth: number, bytes: number): boolean {
    const ends = this.#ends().filter(({ comingBytes, destroyed }) => comingBytes > 0 && !destroyed)
    if (ends.length === 0) return false
    const end = ends[nth % ends.length]!
    if (bytes < end.comingBytes) this.#count('bus: split frames')
    end.move(bytes)
    return true
  }

  cut(nth: number, bytes: number): void {
    const wires = this.#wires.filter(({ ends }) => !ends[0].cut)
    if (wires.length === 0) return
    const { ends } = wires[nth % wires.length]!
    this.#count('bus: cuts')
    if (ends.some(({ comingBytes }) => comingBytes > bytes)) this.#count('bus: cuts with bytes lost')
    for (const end of ends) {
      end.lose(bytes)
      end.cut = true
    }
  }

  /** An end learns that its wire was cut. */
  notice(nth: number): boolean {
    const ends = this.#ends().filter(({ cut, destroyed }) => cut && !destroyed)
    if (ends.length === 0) return false
    ends[nth % ends.length]!.destroy()
    return true
  }

  /** The primary tells a worker who holds which slot. */
  announce(node: Node): void {
    for (const { slot, life } of this.#nodes) if (slot !== node.slot) node.bus.expect(slot, life)
  }

  /** A process ends: what it wrote may still arrive. */
  died(node: Node): void {
    for (const { low, high, ends } of this.#wires) {
      if (low === node) ends[0].destroy()
      if (high === node) ends[1].destroy()
    }
  }

  /** Everything moves and everybody knows. */
  heal(): void {
    for (const node of this.#nodes) this.announce(node)
    while (this.notice(0));
    for (let pairs = this.#pairs().length; pairs > 0; pairs--) this.dial(0)
    while (this.move(0, Number.POSITIVE_INFINITY));
  }

  /** Ends all wires, so that no timer of a connection is left. */
  close(): void {
    for (const end of this.#ends()) end.destroy()
  }

  #ends(): SimSocket[] {
    this.#wires = this.#wires.filter(({ ends }) => ends.some(({ destroyed }) => !destroyed))
    return this.#wires.flatMap(({ ends }) => ends)
  }
}
