/**
 * Our own ws: the one engine.io brings queues a pong for every ping of a client that does not read. Not imported: its
 * ES modules take a fifth of a worker's start.
 */
import { createRequire } from 'node:module'
import type { Writable } from 'node:stream'

/** Its types leave the receiver out. */
type Ws = Pick<typeof import('ws'), 'WebSocketServer'> & {
  readonly Receiver: new (options: object) => Writable
}

export const { WebSocketServer, Receiver } = createRequire(import.meta.url)('ws') as Ws
