/** Which worker a connection goes to, and what waits for each: handed over, parked, or given to another when one dies. */
import type { Worker } from 'node:cluster'
import { placeSegment, type Route } from '../placement.ts'
import { type Arrival, Handover } from './handover.ts'
import { Parking } from './parking.ts'

export interface DispatcherSetup {
  readonly workers: number
  readonly placementKey: Uint8Array
  readonly handoversWaiting: number
  readonly handoverMs: number
  readonly parkMs: number
  /** Nobody can take it. */
  readonly refuse: (arrival: Arrival) => void
}

export class Dispatcher {
  readonly #setup: DispatcherSetup
  /** By slot; null while the slot cannot take connections. */
  readonly #handovers: (Handover | null)[]
  /** Of workers that were told to leave: what is on its way to them may arrive yet. */
  readonly #leavers: (Handover | null)[] = []
  /** By slot: connections for a worker that was ready once and is on its way back. */
  readonly #parkings: readonly Parking[]
  #turn = 0

  constructor(setup: DispatcherSetup) {
    this.#setup = setup
    const { workers, parkMs, handoversWaiting, refuse } = setup
    this.#handovers = new Array<null>(workers).fill(null)
    this.#parkings = Array.from({ length: workers }, () => new Parking(parkMs, handoversWaiting, refuse))
  }

  /** False: it stays the caller's. */
  place(arrival: Arrival): boolean {
    const slot = this.#slotOf(arrival.route)
    return this.#handovers[slot]?.push(arrival) ?? this.#parkings[slot]!.push(arrival)
  }

  /** Connections that wait for a slot's worker: given to it and not confirmed, or until it is back. */
  waiting(slot: number): { readonly handovers: number; readonly parked: number } {
    return { handovers: this.#handovers[slot]?.size ?? 0, parked: this.#parkings[slot]?.size ?? 0 }
  }

  ready(slot: number, worker: Worker): void {
    const { handoversWaiting: waiting, handoverMs: ms, refuse } = this.#setup
    this.#handovers[slot] = new Handover(worker, { waiting, ms }, (lost, leaving) =>
      leaving ? this.#placeOrRefuse(lost) : refuse(lost),
    )
    const parking = this.#parkings[slot]!
    parking.open = true
    for (const arrival of parking.take()) this.#placeOrRefuse(arrival)
  }

  leaving(slot: number): void {
    const handover = this.#handovers[slot] ?? null
    this.#handovers[slot] = null
    this.#leavers[slot] = handover
    for (const arrival of handover?.cut() ?? []) this.#placeOrRefuse(arrival)
  }

  /** What waited for a worker goes where it can: pages to another one; a segment has no other, and waits for its next. */
  gone(slot: number): void {
    const left = [this.#handovers[slot], this.#leavers[slot]].flatMap((handover) => handover?.close() ?? [])
    this.#handovers[slot] = null
    this.#leavers[slot] = null
    for (const arrival of left) this.#placeOrRefuse(arrival)
  }

  /** Nothing waits for a worker's return any more. */
  close(): void {
    for (const parking of this.#parkings) parking.close()
  }

  #placeOrRefuse(arrival: Arrival): void {
    if (!this.place(arrival)) this.#setup.refuse(arrival)
  }

  #slotOf(route: Route): number {
    const { workers, placementKey } = this.#setup
    if (route.kind === 'segment') return placeSegment(placementKey, route.segment, workers)
    if (route.kind === 'sid' && route.slot < workers) return route.slot
    return this.#anySlot()
  }

  /** In turn, but for workers that are slow to take what they were given: one that is stalled would take its share. */
  #anySlot(): number {
    const slots = this.#handovers.map((_, i) => (this.#turn + 1 + i) % this.#handovers.length)
    const pending = (slot: number): number => this.#handovers[slot]?.size ?? Number.POSITIVE_INFINITY
    this.#turn = slots.reduce((best, slot) => (pending(slot) < pending(best) ? slot : best))
    return this.#turn
  }
}
