/** What is measured, on which stacks, and what has to be met. */
import type { Metric, Shape } from './job.ts'
import { RIVAL, type StackName } from './stacks.ts'

export interface Bar {
  readonly stack: StackName
  readonly metric: Metric
  readonly sense: 'at most' | 'at least'
  readonly bar: number
  readonly aim?: number
  /** A ratio to this stack in the same round; null: the figure itself. */
  readonly against: StackName | null
}

export interface Workload {
  readonly name: string
  readonly title: string
  readonly shape: Shape
  readonly stacks: readonly StackName[]
  readonly metrics: readonly Metric[]
  readonly bars: readonly Bar[]
  /** Memory and counts come with a probe in the server, which times nothing. */
  readonly probed?: boolean
  /** One round, whatever is asked for. */
  readonly once?: boolean
  /** Held against the others of this group, by CPU per delivery. */
  readonly growth?: string
}

/** CPU per delivery within so many times the smallest, as one thing grows. */
export const GROWTH_BAR = 1.3

const DELIVERIES: readonly Metric[] = ['cpu', 'rate', 'p50', 'p99', 'flush', 'memory']

function atMost(stack: StackName, metric: Metric, bar: number, aim?: number, against = RIVAL): Bar {
  return { stack, metric, sense: 'at most', bar, ...(aim !== undefined && { aim }), against }
}

function atLeast(stack: StackName, metric: Metric, bar: number, aim?: number): Bar {
  return { stack, metric, sense: 'at least', bar, ...(aim !== undefined && { aim }), against: RIVAL }
}

const OFF: StackName = 'limpet --no-journal'
const journalBar = atMost('limpet', 'cpu', 1.1, 1.03, OFF)
const ALL: readonly StackName[] = ['limpet', OFF, 'socket.io', 'engine.io', 'ws']

const MEASURED: readonly Workload[] = [
  {
    name: 'room-100',
    title: 'a room of 500, 100 msg/s',
    shape: { kind: 'publish', members: 500, rooms: 1, joins: 'one', rate: 100 },
    stacks: ['limpet', OFF, 'limpet --flush-ms 20', 'limpet, TLS', 'socket.io', 'engine.io', 'ws'],
    metrics: DELIVERIES,
    bars: [
      atMost('limpet', 'cpu', 0.9, 0.8),
      atMost('limpet', 'p50', 1),
      atMost(OFF, 'cpu', 0.9, 0.8),
      journalBar,
      atMost('limpet --flush-ms 20', 'cpu', 0.45, 0.4),
    ],
  },
  {
    name: 'room-1000',
    title: 'a room of 500, 1000 msg/s',
    shape: { kind: 'publish', members: 500, rooms: 1, joins: 'one', rate: 1000 },
    stacks: ['limpet', OFF, 'socket.io', 'ws'],
    metrics: DELIVERIES,
    bars: [
      atMost('limpet', 'cpu', 0.5, 0.42),
      { stack: 'limpet', metric: 'rate', sense: 'at least', bar: 490_000, against: null },
      { stack: 'limpet', metric: 'p50', sense: 'at most', bar: 5, against: null },
      atMost(OFF, 'cpu', 0.5, 0.42),
      journalBar,
    ],
  },
  {
    name: 'saturated',
    title: 'a room of 500, saturated: 10 publishers, one message in flight each',
    shape: { kind: 'saturate', members: 500, publishers: 10 },
    stacks: ALL,
    metrics: DELIVERIES,
    bars: [
      atMost('limpet', 'cpu', 0.2, 0.15),
      atLeast('limpet', 'rate', 4, 5),
      atMost(OFF, 'cpu', 0.2, 0.15),
      atLeast(OFF, 'rate', 4, 5),
      journalBar,
    ],
  },
  {
    name: 'rooms',
    title: '100 rooms of 10, 5 msg/s each',
    shape: { kind: 'publish', members: 1000, rooms: 100, joins: 'one', rate: 500 },
    stacks: ['limpet', OFF, 'limpet, affinity', 'socket.io', 'engine.io', 'ws'],
    metrics: DELIVERIES,
    bars: [
      atMost('limpet', 'cpu', 0.75, 0.5),
      atMost(OFF, 'cpu', 0.75, 0.5),
      atMost('limpet, affinity', 'cpu', 0.45, 0.4),
    ],
  },
  {
    name: 'echo',
    title: 'echo, 200 clients with one question in flight each',
    shape: { kind: 'echo', clients: 200 },
    stacks: [...ALL, 'limpet, TLS'],
    metrics: DELIVERIES,
    bars: [atMost('limpet', 'cpu', 0.95, 0.85), atMost(OFF, 'cpu', 0.95, 0.85)],
  },
  {
    name: 'idle',
    title: '2,000 idle sessions',
    shape: { kind: 'idle', sessions: 2000 },
    stacks: ALL,
    metrics: ['idle', 'memory'],
    bars: [atMost('limpet', 'idle', 0.6, 0.5), atMost(OFF, 'idle', 0.6, 0.5)],
    probed: true,
  },
  {
    name: 'connect-websocket',
    title: 'connect and disconnect, WebSocket',
    shape: { kind: 'connect', transport: 'websocket', connects: 3000 },
    stacks: [...ALL, 'limpet, TLS'],
    metrics: ['connect', 'connects', 'lost'],
    bars: [
      atMost('limpet', 'connect', 0.65, 0.5),
      atMost(OFF, 'connect', 0.65, 0.5),
      { stack: 'limpet', metric: 'lost', sense: 'at most', bar: 0, against: null },
    ],
  },
  {
    name: 'connect-polling',
    title: 'connect and disconnect, polling',
    shape: { kind: 'connect', transport: 'polling', connects: 1500 },
    stacks: ['limpet', OFF, 'socket.io', 'engine.io'],
    metrics: ['connect', 'connects', 'lost'],
    bars: [
      atMost('limpet', 'connect', 0.65, 0.5),
      atMost(OFF, 'connect', 0.65, 0.5),
      { stack: 'limpet', metric: 'lost', sense: 'at most', bar: 0, against: null },
    ],
  },
  {
    name: 'bus',
    title: 'messages between processes per broadcast (a room of 100, 100 msg/s)',
    shape: { kind: 'publish', members: 100, rooms: 1, joins: 'one', rate: 100 },
    stacks: ['limpet', 'socket.io'],
    metrics: ['bus'],
    bars: [],
    probed: true,
    once: true,
  },
  {
    name: 'leak',
    title: 'memory left by 60,000 connects and disconnects, WebSocket',
    shape: { kind: 'leak', connects: 60_000 },
    stacks: ['limpet', 'socket.io'],
    metrics: ['level', 'growth', 'lost'],
    bars: [
      { stack: 'limpet', metric: 'growth', sense: 'at most', bar: 5, against: null },
      { stack: 'limpet', metric: 'lost', sense: 'at most', bar: 0, against: null },
    ],
    probed: true,
    once: true,
  },
]

function roomOf(members: number, rate: number): Shape {
  return { kind: 'publish', members, rooms: 1, joins: 'one', rate }
}

/** The same number of deliveries per second in each of a group. */
function growth(group: string, size: number, title: string, stack: StackName, shape: Shape): Workload {
  const name = `growth-${group}-${size}`
  return {
    name,
    title: `growth: ${title}`,
    shape,
    stacks: [stack],
    metrics: DELIVERIES,
    bars: [],
    growth: group,
  }
}

const byMembers = [100, 500, 2000].map((members) =>
  growth(
    'members',
    members,
    `a room of ${members}, ${50_000 / members} msg/s`,
    'limpet',
    roomOf(members, 50_000 / members),
  ),
)

/** Members, messages and deliveries are the same in each: what is left is the number of rooms. */
const byRooms = [1, 100, 1000].map((rooms) =>
  growth(
    'rooms',
    rooms,
    `100 members, each in ${rooms === 1 ? 'one room' : `all of ${rooms} rooms`}, 100 msg/s`,
    'limpet, many rooms',
    {
      kind: 'publish',
      members: 100,
      rooms,
      joins: 'all',
      rate: 100,
    },
  ),
)

const byWorkers = (
  [
    [1, 'limpet, 1 worker'],
    [2, 'limpet'],
    [4, 'limpet, 4 workers'],
  ] as const
).map(([workers, stack]) =>
  growth(
    'workers',
    workers,
    `a room of 500, 100 msg/s, ${workers} worker${workers === 1 ? '' : 's'}`,
    stack,
    roomOf(500, 100),
  ),
)

export const WORKLOADS: readonly Workload[] = [...MEASURED, ...byMembers, ...byRooms, ...byWorkers]
