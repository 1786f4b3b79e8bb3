/** Enters rooms, and tries again where that fails for a while. */
import type { Client } from '../../client/index.ts'
import type { Said, ToClient, ToServer } from '../events.ts'
import type { Renewal, Room } from './room.ts'
import type { Rooms } from './rooms.ts'
import { codeOf, reasonOf } from './words.ts'

const AGAIN_MS = 2000

export interface EntranceEvents {
  entered(room: Room, renewal: Renewal): void
  /** @param early lines that came meanwhile */
  failed(room: Room, early: readonly Said[], reason: string): void
}

export class Entrance {
  readonly #client: Pick<Client<ToServer, ToClient>, 'emitWithAck' | 'state'>
  readonly #rooms: Rooms
  readonly #isOwn: (id: string) => boolean
  readonly #events: EntranceEvents

  constructor(
    client: Pick<Client<ToServer, ToClient>, 'emitWithAck' | 'state'>,
    rooms: Rooms,
    isOwn: (id: string) => boolean,
    events: EntranceEvents,
  ) {
    this.#client = client
    this.#rooms = rooms
    this.#isOwn = isOwn
    this.#events = events
  }

  async enter(room: Room): Promise<void> {
    const question = room.asks()
    const isStale = (): boolean => !room.isLatest(question) || !this.#isOurs(room)
    const answer = this.#client.emitWithAck('enter', room.name)
    try {
      await room.members.renew(answer.then(({ members }) => members))
      const entered = await answer
      if (isStale()) return
      this.#events.entered(room, room.entered(entered, this.#rooms.lastRead(room.name), this.#isOwn))
    } catch (error) {
      // The session was lost on the way: `discontinuity` enters again.
      const code = codeOf(error)
      if (isStale() || code === 'not_delivered' || code === 'unknown') return
      this.#failed(room, error, code !== 'room_invalid' && code !== 'room_limit')
    }
  }

  #failed(room: Room, error: unknown, again: boolean): void {
    const early = room.answered()
    if (room.stage.kind !== 'in') room.stage = { kind: 'failed', reason: reasonOf(error) }
    this.#events.failed(room, early, reasonOf(error))
    if (!again || this.#client.state === 'closed') return
    setTimeout(() => this.#isOurs(room) && void this.enter(room), AGAIN_MS)
  }

  #isOurs(room: Room): boolean {
    return this.#rooms.get(room.name) === room
  }
}
