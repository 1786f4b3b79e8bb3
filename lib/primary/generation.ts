/**
 * Which directory below the journal holds the slots' files, and for how many workers. `CURRENT` names it and is renamed
 * into place: whatever dies in between, the one before or the one after is whole.
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { writeThrough } from './write-through.ts'

const VERSION = 1

export interface Generation {
  readonly number: number
  readonly workers: number
  /** Absolute. */
  readonly path: string
}

/** Null where there was none yet. Throws where `CURRENT` is of another version, or names what is not there. */
export function readGeneration(journal: string): Generation | null {
  let text: string
  try {
    text = fs.readFileSync(join(journal, 'CURRENT'), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  const [version, number, workers] = text.trim().split(' ').map(Number)
  if (version !== VERSION || !isCount(number) || !isCount(workers))
    throw new Error('its file CURRENT is of another version; nothing was touched')
  const path = pathOf(journal, number)
  if (!fs.existsSync(path))
    throw new Error(`its file CURRENT names ${path}, which is missing; nothing was touched`)
  return { number, workers, path }
}

/** An empty directory for a generation that is not yet current; what an interrupted start left of it is removed. */
export function prepareGeneration(journal: string, number: number, workers: number): Generation {
  const path = pathOf(journal, number)
  fs.rmSync(path, { recursive: true, force: true })
  fs.mkdirSync(path, { mode: 0o700 })
  return { number, workers, path }
}

/** From now on this one counts; older ones are removed. */
export function commitGeneration(journal: string, generation: Generation): void {
  writeThrough(join(journal, 'CURRENT'), `${VERSION} ${generation.number} ${generation.workers}\n`)
  for (const name of fs.readdirSync(journal)) {
    const number = /^generation-([0-9]+)$/.exec(name)?.[1]
    if (number !== undefined && Number(number) !== generation.number)
      fs.rmSync(join(journal, name), { recursive: true, force: true })
  }
}

function pathOf(journal: string, number: number): string {
  return join(journal, `generation-${number}`)
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0
}
