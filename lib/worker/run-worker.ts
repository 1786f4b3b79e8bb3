/** A worker process, as `lib/work.ts` runs it. */
import type { Logger } from 'pino'
import { createLog } from '../log.ts'
import type { Options } from '../options.ts'
import { isToWorker, type Start } from '../wire/ipc.ts'
import { AppError } from './app.ts'
import { tell } from './channel.ts'
import { JournalError } from './slot-journal.ts'
import { Worker, type WorkerParts } from './worker.ts'

/** Runs until the primary says stop or is gone. */
export function runWorker(parts: WorkerParts): void {
  // pm2 and terminals signal the whole group; a worker obeys its primary.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit(0))
  let worker: Promise<Worker> | null = null
  process.on('message', (message: unknown, handle: unknown) => {
    if (!isToWorker(message)) return
    if (message.type === 'start') worker = start(message, parts)
    else void worker?.then((running) => running.obey(message, handle))
  })
  tell({ type: 'up' })
}

/** Never settles where the worker cannot start: the primary was told, and ends the process. */
async function start(message: Start, parts: WorkerParts): Promise<Worker> {
  const log = createLog((message.options as unknown as Options).logLevel, { slot: message.slot })
  surviveTheApplication(log)
  try {
    const worker = new Worker(message, log)
    await worker.open(parts)
    tell({ type: 'ready' })
    return worker
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    tell({ type: 'failed', reason, fatal: error instanceof AppError || error instanceof JournalError })
    return new Promise(() => {})
  }
}

/** A rejected promise or a throw out of an application's own callbacks is logged; it never takes the others down. */
function surviveTheApplication(log: Logger): void {
  process.on('unhandledRejection', (error) =>
    log.error({ err: error }, 'a promise was rejected and nobody listened'),
  )
  process.on('uncaughtException', (error) => log.error({ err: error }, 'an exception was not caught'))
}
