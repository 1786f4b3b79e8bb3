import t from 'tap'
import { parseOptions } from '../../lib/options.ts'
import { stateLimitsOf } from '../../lib/worker/state-limits.ts'

t.test('the options that decide what records come to, and no others', async (t) => {
  const parsed = parseOptions(['--outbox-bytes', '2048', '--history', '7', '--grace-ms', '1'], {})
  if (parsed.kind !== 'run') throw new Error(parsed.kind)
  t.strictSame(stateLimitsOf(parsed.options), {
    outboxBytes: 2048,
    history: 7,
    historyBytes: 1_048_576,
    historyAgeMs: 0,
    emptyRooms: 1000,
    emptyRoomsBytes: 67_108_864,
  })
})
