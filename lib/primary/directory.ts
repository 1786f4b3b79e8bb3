/** What the primary keeps on disk: the journal directory, and a private directory for the workers' unix sockets. */
import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeThrough } from './write-through.ts'

export interface JournalDirectory {
  /** Absolute; null without a journal. */
  readonly path: string | null
  readonly placementKey: Uint8Array
  /** Gives the directory free for another server. */
  release(): void
}

export type Opened =
  | { readonly ok: true; readonly directory: JournalDirectory }
  /** One sentence. */
  | { readonly ok: false; readonly reason: string }

const KEY_BYTES = 32

/** @param directory made if it is missing; null keeps nothing */
export async function openJournal(directory: string | null): Promise<Opened> {
  if (directory === null) {
    const placementKey = randomBytes(KEY_BYTES)
    return { ok: true, directory: { path: null, placementKey, release: () => {} } }
  }
  let lock: net.Server | null = null
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
    const path = fs.realpathSync(directory)
    const pidFile = join(path, 'primary.pid')
    lock = await lockPath(path)
    if (!lock)
      return { ok: false, reason: `the journal ${directory} is in use by another server${holder(pidFile)}` }
    const placementKey = placementKeyIn(path)
    fs.writeFileSync(pidFile, `${process.pid}\n`)
    const held = lock
    const release = () => {
      fs.rmSync(pidFile, { force: true })
      held.close()
    }
    return { ok: true, directory: { path, placementKey, release } }
  } catch (error) {
    lock?.close()
    return { ok: false, reason: `the journal ${directory} cannot be used: ${(error as Error).message}` }
  }
}

/**
 * An abstract unix socket exists only as long as its process: unlike a lock file it cannot outlive `kill -9`.
 * Linux alone has them. Null: held by another.
 */
function lockPath(path: string): Promise<net.Server | null> {
  const name = lockName(path)
  const server = net.createServer((socket) => socket.destroy()).unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(error)
    })
    server.listen(name, () => resolve(server))
  })
}

function lockName(path: string): string {
  return `\0limpet-journal-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`
}

/** The process that holds a journal now; a pid file alone may be of one that was killed. Null: none. */
export async function holderOf(directory: string): Promise<number | null> {
  let path: string
  let pid: number
  try {
    path = fs.realpathSync(directory)
    pid = Number.parseInt(fs.readFileSync(join(path, 'primary.pid'), 'utf8'), 10)
  } catch {
    return null
  }
  const held = await new Promise<boolean>((resolve) => {
    const socket = net.connect({ path: lockName(path) })
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
  })
  return held && pid > 0 ? pid : null
}

function holder(pidFile: string): string {
  try {
    return ` (pid ${Number.parseInt(fs.readFileSync(pidFile, 'utf8'), 10)})`
  } catch {
    return ''
  }
}

/** Made once: with another key every segment would lead somewhere else. */
function placementKeyIn(path: string): Uint8Array {
  const file = join(path, 'placement.key')
  if (!fs.existsSync(file)) {
    writeThrough(file, randomBytes(KEY_BYTES))
  }
  const key = fs.readFileSync(file)
  if (key.length !== KEY_BYTES)
    throw new Error(
      `placement.key must be ${KEY_BYTES} bytes, and is ${key.length}; without it a new one is made`,
    )
  return key
}

/**
 * A fresh private directory, named after this process. Throws where the temporary directory cannot be written, or
 * is too deep: the path of a unix socket is 107 bytes at most.
 */
export function makeSocketDirectory(): string {
  removeStale(tmpdir())
  const path = fs.mkdtempSync(join(tmpdir(), `limpet-${process.pid}-`))
  if (Buffer.byteLength(path) + '/http-1023-1000000000'.length <= 107) return path
  fs.rmdirSync(path)
  throw new Error(`the path of the temporary directory ${tmpdir()} is too long for unix sockets`)
}

export function removeSocketDirectory(path: string): void {
  fs.rmSync(path, { recursive: true, force: true })
}

/** What servers left behind that were killed. */
function removeStale(parent: string): void {
  for (const name of fs.readdirSync(parent)) {
    const pid = /^limpet-([0-9]+)-[A-Za-z0-9]{6}$/.exec(name)?.[1]
    if (pid === undefined || isAlive(Number(pid))) continue
    const path = join(parent, name)
    try {
      const stat = fs.lstatSync(path)
      if (stat.isDirectory() && stat.uid === process.getuid?.()) removeSocketDirectory(path)
    } catch {
      // Another server that starts at the same time removes the same.
    }
  }
}

/** A dead process that nobody has waited for yet (state Z) still answers to signal 0. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^\) [ZX] /.test(stat.slice(stat.lastIndexOf(')')))
  } catch {
    return true
  }
}
