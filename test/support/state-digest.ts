/** All that is durable in a worker's state, comparable: what has no order is put into one. */
import { Frame } from '../../lib/wire/frames.ts'
import { checkpointOf } from '../../lib/worker/checkpoint.ts'
import type { WorkerState } from '../../lib/worker/state.ts'

export function digestOf(state: WorkerState): string[] {
  const members = [...state.rooms].map(
    ([room, { members, watchers }]) =>
      `members ${room} ${[...members].map(({ id }) => id).sort()} ${[...(watchers ?? [])].map(({ id }) => id).sort()}`,
  )
  const records = [...checkpointOf(state)]
  const empty = [...state.emptyHomes].join()
  const sizes = [...state.sessions.values()].map(
    ({ id, outbox }) => `bytes ${id} ${outbox.bytes} ${outbox.end}`,
  )
  return [...records.map((record) => JSON.stringify(record, inOrder)), ...members, ...sizes]
    .sort()
    .concat(`empty ${empty}`)
}

function inOrder(_key: string, value: unknown): unknown {
  if (value instanceof Frame)
    return [typeof value.data === 'string' ? value.data : [...value.data].join(), value.crc, value.size]
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
