/** Where the slots' journals are: in the generation of this number of workers, dealt from that of another where it must be. */
import type { ChildProcess } from 'node:child_process'
import type { Logger } from 'pino'
import type { Options } from '../options.ts'
import { runDeal } from './deal.ts'
import type { JournalDirectory } from './directory.ts'
import { commitGeneration, type Generation, prepareGeneration, readGeneration } from './generation.ts'

export interface SlotFilesSetup {
  readonly options: Options
  /** Absolute path of the program that deals. */
  readonly deal: string
  readonly log: Logger
}

/**
 * Resolves to a directory; null without a journal. Rejects with one sentence.
 * @param started the program that deals, to be killed where the server stops meanwhile
 */
export async function slotFilesOf(
  { path, placementKey }: JournalDirectory,
  { options, deal, log }: SlotFilesSetup,
  started: (child: ChildProcess) => void,
): Promise<string | null> {
  if (path === null) return null
  const { workers } = options
  const from = generationIn(path)
  if (from?.workers === workers) return from.path
  const to = prepareGeneration(path, (from?.number ?? 0) + 1, workers)
  if (from) {
    const sessions = await runDeal(deal, { from, to, placementKey, options }, started)
    log.info(
      { from: from.workers, to: workers, sessions },
      'the journal was dealt to another number of workers',
    )
  }
  commitGeneration(path, to)
  return to.path
}

/** Throws one sentence that stands for itself. */
function generationIn(journal: string): Generation | null {
  try {
    return readGeneration(journal)
  } catch (error) {
    throw new Error(`the journal ${journal} cannot be used: ${(error as Error).message}`)
  }
}
