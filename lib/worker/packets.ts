/**
 * How many packets the body of one POST may hold. engine.io takes a body apart as a whole: of the smallest packets four
 * megabytes come to half a gigabyte, and two seconds in which the worker does nothing else.
 */
import type { IncomingMessage } from 'node:http'

/** More than a client's outbox of 1 MiB can be, whatever is in it. */
export const PACKETS_MAX = 262_144
const SEPARATOR = '\x1e'

/** @param exceeded once; engine.io has let go of the request by then */
export function limitPackets(req: IncomingMessage, exceeded: () => void): void {
  let packets = 1
  const count = (chunk: string | Buffer): void => {
    for (let at = chunk.indexOf(SEPARATOR); at >= 0; at = chunk.indexOf(SEPARATOR, at + 1)) packets += 1
    if (packets <= PACKETS_MAX) return
    req.off('data', count)
    // As if the client had left: what it sent so far is dropped, and the link with it.
    req.emit('close')
    req.resume()
    exceeded()
  }
  // Behind engine.io, which may take its time: a listener of our own would set the body flowing before anybody else hears it.
  const follow = (name: string | symbol): void => {
    if (name !== 'data') return
    req.off('newListener', follow)
    req.on('data', count)
  }
  req.on('newListener', follow)
}
