/** Whether what a server holds has come back to what it held. */
import type { Gauge } from '../support/gauges.ts'

const MIB = 1024 * 1024
/** Code that has become warm, tables that have grown to their size. */
const HEAP_BYTES = 4 * MIB
/**
 * A checkpoint is due behind three times its own size of turns, 16 MiB at least; written while members do not read, it holds
 * their outboxes (8 MiB), and at rest it may be the last one.
 */
const JOURNAL_BYTES = 40 * MIB

/** @param base of the same server, at rest, some rounds before */
export function heldTooMuch(base: readonly Gauge[], now: readonly Gauge[]): string[] {
  return now.flatMap((gauge) => {
    const { of, heapBytes, timers, handles, descriptors, journalBytes } = gauge
    const before = base.find((other) => other.of === of)
    if (!before) return [`${of} was not there`]
    const wrong: string[] = []
    const grown = heapBytes - before.heapBytes
    if (grown > HEAP_BYTES) wrong.push(`${of}: the heap has ${(grown / MIB).toFixed(1)} MiB more`)
    for (const [what, more] of [
      ['timers', timers - before.timers],
      ['handles', handles - before.handles],
      ['descriptors', descriptors - before.descriptors],
    ] as const)
      if (more > 0) wrong.push(`${of}: ${more} more ${what}`)
    if (journalBytes > JOURNAL_BYTES) wrong.push(`${of}: a journal of ${(journalBytes / MIB).toFixed(1)} MiB`)
    return wrong
  })
}
