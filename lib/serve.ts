/** The command: argv → options → primary → exit code. */
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { createLog } from './log.ts'
import { parseOptions } from './options.ts'
import { Primary } from './primary/primary.ts'
import { requestReload } from './reload.ts'

/**
 * Serves until told to stop, then ends the process: 0 after an orderly stop or a question answered, else 1 with one
 * line on stderr.
 *
 * @param argv what follows the name of the program
 */
export async function serve(argv: readonly string[]): Promise<never> {
  // A reader that has gone away (`bin/serve | head -1`) must not end the server.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  const parsed = parseOptions(argv, process.env)
  if (parsed.kind === 'wrong') return fail(parsed.message)
  if (parsed.kind === 'help') return say(parsed.text)
  if (parsed.kind === 'version') return say(version())
  if (parsed.kind === 'reload') {
    const reason = await requestReload(parsed.journal)
    return reason === null ? process.exit(0) : fail(reason)
  }
  const app = parsed.app === null ? null : resolve(parsed.app)
  if (app !== null && !isFile(app)) return fail(`there is no application file ${parsed.app}`)

  const log = createLog(parsed.options.logLevel)
  const primary = new Primary({
    options: parsed.options,
    app,
    exec: fileURLToPath(new URL('./work.js', import.meta.url)),
    deal: fileURLToPath(new URL('./deal.js', import.meta.url)),
    log,
    listening: (url) => {
      console.log(`limpet listening on ${url}`)
      // What pm2 waits for with wait_ready.
      process.send?.('ready')
    },
  })
  listenToSignals(primary, log)
  const outcome = await primary.ended
  return outcome.kind === 'stopped' ? process.exit(0) : fail(outcome.reason)
}

/** A second signal changes nothing: npm and pm2 send it to the group as well as to the process. */
function listenToSignals(primary: Primary, log: Logger): void {
  const stop = (signal: string) => {
    log.info({ signal }, 'stopping')
    primary.stop()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => void reload(primary, log))
}

async function reload(primary: Primary, log: Logger): Promise<void> {
  log.info('rolling reload begins')
  const reason = await primary.reload()
  if (reason === null) log.info('rolling reload done')
  else log.error({ reason }, 'rolling reload ended early')
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    // Not there, below a file, a name that is too long, a folder that may not be read.
    return false
  }
}

/** By the package's own name: this file does not lie equally deep in lib and in dist. */
function version(): string {
  return (createRequire(import.meta.url)('limpet/package.json') as { version: string }).version
}

function say(text: string): never {
  console.log(text)
  process.exit(0)
}

function fail(reason: string): never {
  console.error(`limpet: ${reason.replaceAll(/\s*\n\s*/g, ' ')}`)
  process.exit(1)
}
