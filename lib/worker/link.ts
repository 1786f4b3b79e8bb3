/**
 * One live connection that carries a session for a while, as the sessions see it: engine.ts makes them of engine.io
 * sockets, tests of memory. A link knows nothing of counts; on polling it numbers its frames itself.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Data, Frame } from '../wire/frames.ts'
import type { Bundle } from './bundle.ts'
import type { Session } from './session.ts'

export type Transport = 'websocket' | 'polling'

export interface Link {
  readonly transport: Transport
  readonly address: string
  readonly segment: string
  /** Of the first request; once a session was admitted only cookie, authorization and origin are kept. */
  headers: IncomingHttpHeaders | null
  /** Open, and what was written before has left this process but for a low mark of bytes. */
  readonly writable: boolean
  /** The session it carries; null before hello and after it was fenced. */
  session: Session | null
  /** Frames in one write: uncounted data and counted frames, in this order. */
  send(frames: readonly (Data | Frame)[]): void
  /** The same sequence as many other links send this turn. Only on a writable link. */
  sendBundle(bundle: Bundle): void
  /** Ends the connection behind what was written. */
  close(): void
  /** Ends it now, whatever was written. */
  terminate(): void
  /** Stops and goes on reading from the peer (back-pressure). */
  setReading(reading: boolean): void
}

/** What a link tells its sessions; calls for one link come in order, none after `linkClosed`. */
export interface LinkEvents {
  linkOpened(link: Link): void
  linkFrame(link: Link, data: Data): void
  /** It can take more. */
  linkWritable(link: Link): void
  linkClosed(link: Link, reason: string): void
}
