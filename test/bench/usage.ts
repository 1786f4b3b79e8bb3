/** What processes have used, as /proc tells it. */
import { readFileSync } from 'node:fs'

/** Of the kernel's clock in /proc/PID/stat, on all Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** Seconds, user and system, of one line of /proc/PID/stat. */
export function cpuOfStat(text: string): number {
  // The command in parentheses may hold anything; what follows the last one is plain.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** A number behind a name, as /proc/PID/io and smaps_rollup have them. */
export function numberBehind(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]
  if (found === undefined) throw new Error(`no ${name} in ${JSON.stringify(text.slice(0, 80))}`)
  return Number(found)
}

/** Throws where one of them has ended: what it used is lost, and the measurement with it. */
export function cpuOf(pids: readonly number[]): number {
  return sum(pids, (pid) => cpuOfStat(readFileSync(`/proc/${pid}/stat`, 'latin1')))
}

/** Seconds that all cores together were busy for anybody, by /proc/stat; a guest's stolen time among them. */
export function busyOfStat(text: string): number {
  const [user, nice, system, , , irq, softirq, steal] = text
    .split('\n', 1)[0]!
    .split(/ +/)
    .slice(1)
    .map(Number)
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_PER_SECOND
}

export function busy(): number {
  return busyOfStat(readFileSync('/proc/stat', 'latin1'))
}

/** System calls that wrote anything anywhere. */
export function writesOf(pids: readonly number[]): number {
  return sum(pids, (pid) => numberBehind(readFileSync(`/proc/${pid}/io`, 'latin1'), 'syscw'))
}

/** kB; pages that several share count once in all. */
export function pssOf(pids: readonly number[]): number {
  return sum(pids, (pid) => numberBehind(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'), 'Pss'))
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((all, pid) => all + of(pid), 0)
}
