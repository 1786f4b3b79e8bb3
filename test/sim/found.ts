/** What the simulation has found, as the few steps that lead to it: without the fix they go wrong. */
import type { Step } from './steps.ts'
import type { WorldOptions } from './world.ts'

export interface Found {
  readonly what: string
  readonly options: WorldOptions
  readonly steps: readonly Step[]
}

const ONE: WorldOptions = { workers: 1, clients: 1, faults: 0, restarts: true, rests: false }
const TWO: WorldOptions = { workers: 2, clients: 2, faults: 0, restarts: true, rests: false }

/** The page that is named gets its first welcome. */
const CONNECTED: readonly Step[] = [
  { do: 'connect', link: 0, works: 1 },
  { do: 'toServer', link: 0 },
  { do: 'commit', node: 0 },
  { do: 'toClient', link: 0 },
]

/** A message is handled, its worker dies, and an old first hello makes another session under the same key. */
const REPLACED: readonly Step[] = [
  ...CONNECTED,
  { do: 'emit', page: 0, word: 'beside', room: 'a', size: 0, form: 'text', asks: 0 },
  { do: 'toServer', link: 0 },
  { do: 'restart', node: 0 },
  { do: 'lateHello', page: 0, nth: 0 },
]

export const FOUND: readonly Found[] = [
  {
    what: 'a resume is told the counts of another session under its key',
    options: ONE,
    steps: REPLACED,
  },
  {
    what: 'a resume is told the counts of another session that has ended under its key',
    options: ONE,
    steps: [...REPLACED, { do: 'notice', link: 0, end: 'server' }, { do: 'sleep', ms: 25_000 }],
  },
  {
    what: 'a slot that the server gave is forgotten when the page is away meanwhile',
    options: ONE,
    steps: [
      { do: 'connect', link: 0, works: 1 },
      { do: 'retry', link: 0, ms: 3000 },
      { do: 'toClient', link: 0 },
      { do: 'away', page: 0 },
    ],
  },
  {
    what: 'a GET that skipped the last message is not found out',
    options: TWO,
    steps: [
      { do: 'connect', link: 1, works: 1 },
      { do: 'toServer', link: 0 },
      { do: 'commit', node: 1 },
      { do: 'toClient', link: 0 },
      { do: 'emit', page: 1, word: 'echo', room: 'a', size: 0, form: 'text', asks: 0 },
      { do: 'toServer', link: 0 },
      { do: 'sleep', ms: 1200 },
      { do: 'commit', node: 1 },
      { do: 'skipGet', link: 0, frames: 3 },
    ],
  },
  {
    what: 'a room whose home was lost before it answered a join that no longer counted can never be joined again',
    options: TWO,
    steps: [
      ...CONNECTED,
      { do: 'emit', page: 0, word: 'join', room: 'a', size: 0, form: 'text', asks: 0 },
      { do: 'emit', page: 0, word: 'leave', room: 'a', size: 0, form: 'text', asks: 0 },
      { do: 'toServer', link: 0 },
      { do: 'toServer', link: 0 },
      { do: 'dial', nth: 0 },
      { do: 'bus', nth: 0, bytes: 100_000 },
      { do: 'bus', nth: 0, bytes: 100_000 },
      { do: 'restart', node: 1 },
      { do: 'announce', node: 0 },
      { do: 'dial', nth: 0 },
      { do: 'bus', nth: 0, bytes: 100_000 },
      { do: 'bus', nth: 0, bytes: 100_000 },
      { do: 'emit', page: 0, word: 'join', room: 'a', size: 0, form: 'text', asks: 0 },
    ],
  },
  {
    what: 'a worker that is no more is taken for the one that follows it',
    options: TWO,
    steps: [
      { do: 'dial', nth: 0 },
      { do: 'restart', node: 0 },
      { do: 'dial', nth: 0 },
      { do: 'bus', nth: 1, bytes: 100_000 },
      { do: 'bus', nth: 0, bytes: 100_000 },
    ],
  },
  {
    what: 'a connection between workers that was given up comes late and takes over from its successor',
    options: TWO,
    steps: [
      { do: 'dial', nth: 0 },
      { do: 'cutBus', nth: 0, bytes: 30 },
      { do: 'noticeBus', nth: 0 },
      ...CONNECTED,
      { do: 'dial', nth: 0 },
      { do: 'bus', nth: 1, bytes: 100_000 },
      { do: 'bus', nth: 1, bytes: 100_000 },
      { do: 'emit', page: 0, word: 'say', room: 'a', size: 0, form: 'text', asks: 0 },
      { do: 'toServer', link: 0 },
      { do: 'commit', node: 0 },
      { do: 'bus', nth: 1, bytes: 100_000 },
      { do: 'bus', nth: 0, bytes: 100_000 },
    ],
  },
]
