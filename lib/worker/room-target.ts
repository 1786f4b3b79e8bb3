/** What can be told to a room: `to(room)`, narrowed by `except` and `volatile`. */
import { LimpetError } from '../wire/codes.ts'
import type { EventKind } from './outgoing.ts'

export type Broadcast = (
  room: string,
  kind: EventKind,
  name: string,
  args: unknown[],
  except: readonly string[],
) => void

export class Target {
  readonly #broadcast: Broadcast
  readonly #room: string
  readonly #except: readonly string[]
  readonly #kind: 'event' | 'volatile'

  constructor(
    broadcast: Broadcast,
    room: string,
    except: readonly string[] = [],
    kind: 'event' | 'volatile' = 'event',
  ) {
    this.#broadcast = broadcast
    this.#room = room
    this.#except = except
    this.#kind = kind
  }

  except(...sessionIds: string[]): Target {
    if (!sessionIds.every((id) => typeof id === 'string'))
      throw new LimpetError('arguments_invalid', 'except takes session ids')
    return new Target(this.#broadcast, this.#room, [...this.#except, ...sessionIds], this.#kind)
  }

  get volatile(): Target {
    return new Target(this.#broadcast, this.#room, this.#except, 'volatile')
  }

  emit(name: string, ...args: unknown[]): void {
    this.#broadcast(this.#room, this.#kind, name, args, this.#except)
  }
}
