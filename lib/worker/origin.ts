/** Where a request came from, kept with it: the socket forgets its address when it closes, the URL is rewritten. */
import type { IncomingMessage } from 'node:http'

export interface Origin {
  /** The client's address, also when another worker forwarded the request; empty when it was gone already. */
  readonly address: string
  /** Empty when the URL has none. */
  readonly segment: string
}

const ORIGIN = Symbol('origin')
const NOWHERE: Origin = { address: '', segment: '' }

type Marked = IncomingMessage & { [ORIGIN]?: Origin }

export function setOrigin(req: IncomingMessage, origin: Origin): void {
  const marked: Marked = req
  marked[ORIGIN] = origin
}

/** Of any request that came through the edge, for as long as the request is kept. */
export function originOf(req: IncomingMessage): Origin {
  return (req as Marked)[ORIGIN] ?? NOWHERE
}
