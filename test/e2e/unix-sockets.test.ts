/**
 * Workers listen on their own unix sockets. In a cluster worker a plain listen makes the primary hold the socket and
 * pass every connection over the channel that handovers need.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { startCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'

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

  const directory = dirname([...sockets.keys()][0]!)
  t.equal((statSync(directory).mode & 0o777).toString(8), '700')
  const [victim] = cluster.workers()
  process.kill(victim!, 'SIGKILL')
  // What it listened on stays behind, until another process holds its slot.
  const isClean = (): boolean =>
    cluster.workers().length === 3 &&
    !cluster.workers().includes(victim!) &&
    readdirSync(directory).length === 6 &&
    listeners(directory).size === 6
  await until(isClean, 15_000, 'six sockets, all of living workers')
  t.pass('sockets of a dead generation are removed')
})
