/** What the bench tells a generator to do, and what that tells it back. */
import type { DialectName } from './dialects.ts'

/** What clients do to a server. */
export type Shape =
  /** Members spread over rooms, or each in all of them; messages at a steady pace, whatever comes back. */
  | {
      readonly kind: 'publish'
      readonly members: number
      readonly rooms: number
      readonly joins: 'one' | 'all'
      /** Messages per second, in all. */
      readonly rate: number
    }
  /** One room; each publisher sends its next message when its last one came back. */
  | { readonly kind: 'saturate'; readonly members: number; readonly publishers: number }
  | { readonly kind: 'echo'; readonly clients: number }
  /** Memory of sessions that do nothing. */
  | { readonly kind: 'idle'; readonly sessions: number }
  /** Come, be welcomed, go. */
  | { readonly kind: 'connect'; readonly transport: 'websocket' | 'polling'; readonly connects: number }
  /** The same, for what is left behind. */
  | { readonly kind: 'leak'; readonly connects: number }

export interface Job {
  readonly shape: Shape
  readonly dialect: DialectName
  readonly port: number
  /** Of all processes of the server. */
  readonly pids: readonly number[]
  /** Members of a room share a segment, and the room is named after it. */
  readonly affinity: boolean
  readonly tls: boolean
  readonly warmMs: number
  readonly windowMs: number
  /** Where the probe in each server process writes what it counted; null where there is none. */
  readonly probe: string | null
}

export type Metric =
  /** Server CPU per delivery, µs. */
  | 'cpu'
  /** Deliveries per second. */
  | 'rate'
  /** ms */
  | 'p50'
  | 'p99'
  /** Deliveries per write system call of the server. */
  | 'flush'
  /** Server memory, MB. */
  | 'memory'
  /** kB per idle session. */
  | 'idle'
  /** Server CPU-seconds per 1,000 connects. */
  | 'connect'
  /** Connects per second. */
  | 'connects'
  /** Attempts that were not welcomed. */
  | 'lost'
  /** Memory behind the first third of the connects, and what came on top of it until the end, MB. */
  | 'level'
  | 'growth'
  /** Messages between processes for each broadcast. */
  | 'bus'

export type Figures = Readonly<Partial<Record<Metric, number>>>

export interface Outcome {
  readonly figures: Figures
  /** Share of one core that the generator took itself. */
  readonly generator: number
  /** What else ran on the machine meanwhile, in cores. */
  readonly others: number
  /** Why the run counts for nothing. */
  readonly faults: readonly string[]
}

export type Of<K extends Shape['kind']> = Shape & { readonly kind: K }
