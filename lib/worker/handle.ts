/** The worker's end of a handover. */
import net from 'node:net'

/**
 * Makes a socket of what came with a `connection` message. To be given to the HTTP server in the same turn: the socket
 * has no error listener yet.
 *
 * @param handle the raw TCP handle; undefined when the connection was closed on its way
 * @param head what the primary read from it: comes out of the socket before anything else
 */
export function adoptHandle(handle: unknown, head: Uint8Array): net.Socket | null {
  if (typeof handle !== 'object' || handle === null) return null
  // Half-open, or a client that ends its side after the request gets no answer.
  const options = { handle, allowHalfOpen: true, readable: true, writable: true }
  const socket = new net.Socket(options as net.SocketConstructorOpts)
  // An HTTP server does this where it accepts, which it never does here.
  socket.setNoDelay(true)
  if (head.length > 0) socket.unshift(head)
  return socket
}
