/** Processes as /proc tells them. State Z (dead, not yet reaped) counts as gone: orphans are reaped late. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

interface Stat {
  readonly pid: number
  readonly parent: number
  readonly state: string
}

/** Null where the process is gone. */
function statOf(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command in parentheses may hold anything; what follows the last one is plain.
    const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid, parent: Number(parent), state: state ?? 'Z' }
  } catch {
    return null
  }
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

export function isAlive(pid: number): boolean {
  const stat = statOf(pid)
  return stat !== null && stat.state !== 'Z' && stat.state !== 'X'
}

/** Living children of a process, in the order of their pids. */
export function childrenOf(pid: number): number[] {
  return allPids()
    .filter((child) => statOf(child)?.parent === pid && isAlive(child))
    .sort((a, b) => a - b)
}

/** Living processes that carry `NAME=value` in their environment: finds orphans, whoever their parent is now. */
export function processesWith(name: string, value: string): number[] {
  return allPids().filter((pid) => isAlive(pid) && environmentOf(pid).includes(`${name}=${value}`))
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

/** Open descriptors of a living process, without unix sockets: between workers those are kept for later requests. */
export function descriptorsOf(pid: number): number {
  const unix = new Set<string>()
  for (const line of readFileSync('/proc/net/unix', 'latin1').split('\n'))
    unix.add(`socket:[${line.split(/ +/)[6]}]`)
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((fd) => !unix.has(targetOf(`${folder}/${fd}`))).length
}

/** Empty where it was closed meanwhile. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}
