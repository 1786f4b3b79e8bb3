/**
 * Two processes must never hold one slot: the one before may be dying. An abstract unix socket is exclusive, and free
 * as soon as its process is gone.
 */
import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import net from 'node:net'

/** How long the process before may take to end. */
const LOCK_MS = 10_000
const LOCK_AGAIN_MS = 20

/**
 * False: another process holds it.
 * @param directory of a generation
 */
export async function lockSlot(directory: string, slot: number, waitMs = LOCK_MS): Promise<boolean> {
  const name = lockName(directory, slot)
  const until = performance.now() + waitMs
  while (!(await tryLock(`\0${name}`))) {
    if (performance.now() > until) return false
    await new Promise((resolve) => setTimeout(resolve, LOCK_AGAIN_MS))
  }
  return true
}

/** The abstract socket's, without its first zero byte. */
export function lockName(directory: string, slot: number): string {
  const hash = createHash('sha256')
    .update(`${realpathSync(directory)}/${slot}`)
    .digest('hex')
  return `limpet-slot-${hash.slice(0, 32)}`
}

function tryLock(name: string): Promise<boolean> {
  const server = net.createServer((socket) => socket.destroy()).unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    // In a cluster worker a plain listen would make the primary hold the socket.
    server.listen({ path: name, exclusive: true }, () => resolve(true))
  })
}
