/**
 * The one place that touches Node's raw TCP handles. A `net.Socket` cannot be handed over without losing bytes:
 * Node goes on reading from it, into nothing, until the worker confirms. A raw handle whose reading was stopped can.
 */
import type { ChildProcess } from 'node:child_process'
import net from 'node:net'

/** What is used of Node's internal TCP class. */
export interface RawHandle {
  readStop(): number
  close(closed?: () => void): void
}

/** Of one that listens, and of those it accepts. */
interface Listener {
  onconnection: unknown
  setNoDelay(on: boolean): number
}

type Internals = { _handle: RawHandle | null }

// One for all connections: a read callback is synchronous, and takes a copy of what it keeps. 4 KiB bound what goes
// through the worker's channel beside the head: a large first chunk there costs far more than the head.
const SCRATCH = Buffer.alloc(4096)

/**
 * Gives every accepted connection as a raw handle that is not being read from.
 * To be called once the server listens, before it accepted anything: in its `listening` event.
 */
export function acceptRaw(
  server: net.Server,
  accepted: (handle: RawHandle) => void,
  failed: (errno: number) => void,
): void {
  const { _handle: listener } = server as unknown as { _handle: Listener }
  // What is accepted takes it over from the one that listens: no call for each connection.
  listener.setNoDelay(true)
  listener.onconnection = (errno: number, handle: RawHandle | undefined) => {
    if (errno || !handle) failed(errno)
    else accepted(handle)
  }
}

/** @param read gets a view that is overwritten by the next read */
export function wrap(handle: RawHandle, read: (bytes: Uint8Array) => void): net.Socket {
  const callback = (length: number) => {
    read(SCRATCH.subarray(0, length))
    return true
  }
  const options = { handle, allowHalfOpen: true, readable: true, writable: true }
  return new net.Socket({ ...options, onread: { buffer: SCRATCH, callback } } as net.SocketConstructorOpts)
}

/** Takes the handle out of its socket, which is dead afterwards; null when the connection is gone already. */
export function detach(socket: net.Socket): RawHandle | null {
  const internals = socket as unknown as Internals
  const handle = socket.destroyed ? null : internals._handle
  if (handle?.readStop() !== 0) return null
  internals._handle = null
  return handle
}

/**
 * How many handles a child has to confirm before one that is sent now. Its confirmations have no names, and come in
 * order; others than ours are on their way where the application itself listens on a port.
 */
export function unconfirmed(child: ChildProcess): number {
  const { _handleQueue: queue } = child as { _handleQueue?: readonly { handle: unknown }[] | null }
  return queue ? 1 + queue.filter(({ handle }) => handle !== null).length : 0
}
