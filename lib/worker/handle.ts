/** The worker's end of a handover. */
import net from 'node:net'

/**
 * Takes what is read from a connection, without a stream between them. It may keep and change the bytes; beside them in
 * the same memory may stand those of others.
 */
export interface ByteReader {
  read(bytes: Buffer): void
}

type Read = net.Socket & { reader?: ByteReader }

/**
 * One for all connections, or Node allocates as much for each read, and gives most of it back: a read callback is
 * synchronous, and takes a copy of what there is.
 */
const READING = { buffer: Buffer.allocUnsafeSlow(64 * 1024), callback: take }

function take(this: Read, length: number, buffer: Uint8Array): boolean {
  const read = buffer.subarray(0, length)
  // A raw connection's bytes may get to the application as they are: no memory that others share.
  if (!this.reader) return this.push(Buffer.from(new Uint8Array(read).buffer))
  this.reader.read(Buffer.from(read))
  return true
}

/** From here on all that comes is the reader's. `pause` and `resume` of the socket hold as ever. */
export function readBy(socket: net.Socket, reader: ByteReader): void {
  ;(socket as Read).reader = reader
  // What was read before; and all of a connection that was not adopted.
  socket.on('data', pass)
}

function pass(this: Read, bytes: Buffer): void {
  this.reader!.read(bytes)
}

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
  const options = { handle, allowHalfOpen: true, readable: true, writable: true, onread: READING }
  const socket = new net.Socket(options as net.SocketConstructorOpts)
  if (head.length > 0) socket.unshift(head)
  return socket
}
