/** The limits that decide what records come to, as the options set them. */
import type { Options } from '../options.ts'
import type { StateLimits } from './state.ts'

export function stateLimitsOf(options: Options): StateLimits {
  const { outboxBytes, history, historyBytes, historyAgeMs, emptyRooms, emptyRoomsBytes } = options
  return { outboxBytes, history, historyBytes, historyAgeMs, emptyRooms, emptyRoomsBytes }
}
