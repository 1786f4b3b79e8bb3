/** The homes of the rooms last asked for: the keyed hash costs as much as two deliveries, and never changes. */

/** Names have 256 bytes at most. */
const REMEMBERED = 4096

export class RoomPlaces {
  readonly #place: (room: string) => number
  #known = new Map<string, number>()
  #before: ReadonlyMap<string, number> = new Map()

  /** @param place gives the same slot for the same room, always */
  constructor(place: (room: string) => number) {
    this.#place = place
  }

  of(room: string): number {
    const known = this.#known.get(room)
    if (known !== undefined) return known
    const slot = this.#before.get(room) ?? this.#place(room)
    // Two halves: what was asked for since the last change of halves outlives the next one.
    if (this.#known.size >= REMEMBERED / 2) {
      this.#before = this.#known
      this.#known = new Map()
    }
    this.#known.set(room, slot)
    return slot
  }
}
