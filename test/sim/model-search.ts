/**
 * All states that moves lead to, each once, depth first; from each of them the moves that heal must lead to a state at
 * rest in which nothing is missing. Only where something is found the search goes breadth first, for the shortest way.
 */
import type { Bounds } from './model-bounds.ts'
import { check, checkRest } from './model-checks.ts'
import { movesOf } from './model-moves.ts'
import { digest, keep, type Memento, restore } from './model-state.ts'
import { World } from './model-world.ts'

export interface Found {
  readonly what: readonly string[]
  /** The moves that lead there. */
  readonly path: readonly string[]
}

export interface Explored {
  readonly states: number
  readonly transitions: number
  /** States in which nothing is under way. */
  readonly resting: number
  readonly found: Found | null
}

export interface Options {
  /** Makes a mistake in the world, for a search that must find it. */
  readonly spoil?: (world: World) => void
  /** Whether states that read the same allow the same: each is expanded again, whenever it is come to. */
  readonly doubt?: boolean
  readonly report?: (states: number) => void
}

export function explore(bounds: Bounds, options: Options = {}): Explored {
  const explored = new Search(bounds, options).run('depth')
  return explored.found ? new Search(bounds, options).run('breadth') : explored
}

const AT_REST = -1
const REPORT_EVERY = 100_000

class Search {
  readonly #world: World
  readonly #options: Options
  readonly #start: Memento
  readonly #ids = new Map<string, number>()
  /** By state: where it came from, by which move, and where healing leads. */
  readonly #parents: number[] = []
  readonly #moves: number[] = []
  readonly #heals: number[] = []
  readonly #successors: string[] = []
  #transitions = 0
  #waiting: { readonly id: number; readonly memento: Memento }[] = []

  constructor(bounds: Bounds, options: Options) {
    this.#options = options
    this.#world = new World(bounds)
    options.spoil?.(this.#world)
    this.#start = keep(this.#world)
    this.#add(-1, -1)
  }

  run(order: 'depth' | 'breadth'): Explored {
    while (this.#waiting.length > 0) {
      const level = this.#waiting
      if (order === 'breadth') this.#waiting = []
      // What is expanded need not be kept: of a whole level there are too many.
      for (let state = level.pop(); state; state = level.pop()) {
        const found = this.#expand(state.id, state.memento)
        if (found) return this.#explored(found)
      }
    }
    return this.#explored(this.#restless())
  }

  /** Makes every move that the state allows. */
  #expand(id: number, memento: Memento): Found | null {
    restore(memento)
    const moves = movesOf(this.#world)
    for (const [n, move] of moves.entries()) {
      if (n > 0) restore(memento)
      const wrong = this.#make(() => {
        move.run()
        return check(this.#world)
      })
      this.#transitions += 1
      if (wrong.length > 0) return this.#found(wrong, id, n)
      const next = this.#add(id, n)
      if (move.heals && this.#heals[id] === AT_REST) this.#heals[id] = next
    }
    if (this.#heals[id] !== AT_REST) return null
    restore(memento)
    const wrong = this.#make(() => checkRest(this.#world))
    return wrong.length > 0 ? this.#found(wrong, id) : null
  }

  #make(act: () => readonly string[]): readonly string[] {
    try {
      return act()
    } catch (error) {
      return [
        ...this.#world.findings,
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      ]
    }
  }

  /** The state that the world is in now. @returns its number, an old one if it was seen before */
  #add(parent: number, move: number): number {
    const memento = keep(this.#world)
    const text = digest(memento)
    const known = this.#ids.get(text)
    const id = known ?? this.#ids.size
    if (this.#options.doubt) this.#compare(id, memento)
    if (known !== undefined) return known
    this.#ids.set(text, id)
    this.#parents.push(parent)
    this.#moves.push(move)
    this.#heals.push(AT_REST)
    this.#waiting.push({ id, memento })
    if (id > 0 && id % REPORT_EVERY === 0) this.#options.report?.(id)
    return id
  }

  #compare(id: number, memento: Memento): void {
    const successors = movesOf(this.#world).map((move) => {
      const wrong = this.#make(() => {
        move.run()
        return check(this.#world)
      })
      const text = `${move.heals}${wrong.length}${digest(keep(this.#world))}`
      restore(memento)
      return text
    })
    const before = this.#successors[id]
    const now = successors.join()
    if (before !== undefined && before !== now) throw new Error('two states read the same, and are not')
    this.#successors[id] = now
  }

  /** A state from which healing leads round in a circle. */
  #restless(): Found | null {
    const settled = new Uint8Array(this.#heals.length)
    for (let id = 0; id < settled.length; id++) {
      const way = new Set<number>()
      for (let at = id; at !== AT_REST && settled[at] === 0; at = this.#heals[at]!) {
        if (way.has(at)) return this.#found(['it never comes to rest'], at)
        way.add(at)
      }
      for (const seen of way) settled[seen] = 1
    }
    return null
  }

  #found(findings: readonly string[], id: number, last?: number): Found {
    const what = [...findings]
    const moves = last === undefined ? [] : [last]
    for (let at = id; at > 0; at = this.#parents[at]!) moves.unshift(this.#moves[at]!)
    restore(this.#start)
    const path = moves.map((n) => {
      const move = movesOf(this.#world)[n]!
      this.#make(() => {
        move.run()
        return []
      })
      return move.name
    })
    return { what, path }
  }

  #explored(found: Found | null): Explored {
    const resting = this.#heals.filter((next) => next === AT_REST).length
    return { states: this.#ids.size, transitions: this.#transitions, resting, found }
  }
}
