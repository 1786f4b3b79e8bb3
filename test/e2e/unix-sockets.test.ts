/**
 * Workers listen on their own unix sockets. In a cluster worker a plain listen makes the primary hold the socket and
 * pass every connection over the channel that handovers need.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import t from 'tap'
import { startCluster } from '../support/cluster.ts'

/** Path and inode of each listening unix socket below a folder. */
function listeners(folder: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of readFileSync('/proc/net/unix', 'utf8').split('\n')) {
    const [, , , flags, , , inode, path] = line.trim().split(/\s+/)
    if (flags === '00010000' && path?.startsWith(folder)) found.set(path, inode!)
  }
  return found
}

function holds(pid: number, inode: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`
    } catch {
      return false
    }
  })
}

t.test('each socket is held by one worker and not by the primary', async (t) => {
  const cluster = await startCluster(t, { workers: 3 })
  const sockets = listeners(cluster.directory)
  t.equal(sockets.size, 6, 'a bus and an http socket per worker')
  for (const [path, inode] of sockets) {
    t.notOk(holds(cluster.pid, inode), `the primary does not hold ${path.split('/').at(-1)}`)
    t.equal(cluster.workers().filter((pid) => holds(pid, inode)).length, 1)
  }
})
