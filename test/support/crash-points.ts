/** Named points of the code at which a process of a server kills itself; `crash-preload.js` knows where they are. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.ts'
import { until } from './until.ts'

const FIRED_MS = Number(process.env.PATIENCE_MS ?? 20_000)

/** A worker passes them under load. */
export const LOAD_POINTS = [
  'before-write',
  'after-write',
  'mid-flush',
  'after-flush',
  'handler-done',
  'publish-written',
  'home-took-publish',
  'home-wrote-order',
  'member-took-message',
  'checkpoint-middle',
  'checkpoint-before-rename',
  'checkpoint-after-rename',
] as const

/** A worker passes them when it takes over from one that died. */
export const RECOVERY_POINTS = [
  'recovery-read',
  'recovery-replayed',
  'recovery-before-resume',
  'recovery-after-resume',
] as const

/** A start with another number of workers passes them. */
export const DEALING_POINTS = [
  'deal-read',
  'deal-slot-before-rename',
  'deal-slot-after-rename',
  'deal-current-before-rename',
  'deal-current-after-rename',
  'deal-old-removal',
] as const

export type CrashPoint =
  | (typeof LOAD_POINTS)[number]
  | (typeof RECOVERY_POINTS)[number]
  | (typeof DEALING_POINTS)[number]

export class CrashPoints {
  /** A file for each point that is armed. */
  readonly directory = mkdtempSync('/tmp/limpet-points-')
  readonly env = { CRASH_POINTS: this.directory }
  readonly node = [`--import=${join(ROOT, 'test/support/crash-preload.js')}`]

  /** The next process that passes it for the `nth` time dies there. */
  arm(point: CrashPoint, nth: number): void {
    rmSync(join(this.directory, `${point}.fired`), { force: true })
    writeFileSync(join(this.directory, point), String(nth))
  }

  async fired(point: CrashPoint): Promise<void> {
    await until(() => existsSync(join(this.directory, `${point}.fired`)), FIRED_MS, `a death at ${point}`)
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
