/** What the primary forks: a worker with the chat built in. */
import { chat } from './chat/app.ts'
import { chatPages, clientScript } from './chat/files.ts'
import type { Options } from './options.ts'
import { runWorker } from './worker/run-worker.ts'

const PART_BYTES = 128 * 1024

runWorker({
  builtIn: (server, options) => {
    const settings = { fileBytes: options.payloadBytes, partBytes: partBytes(options), demo: options.demo }
    chat(server as unknown as Parameters<typeof chat>[0], {
      ...settings,
      pages: chatPages({ path: options.path, ...settings }),
      demo: options.demo
        ? {
            worker: process.pid,
            aliveMs: () => process.uptime() * 1000,
            kill: () => process.kill(process.pid, 'SIGKILL'),
          }
        : null,
    })
  },
  pages: clientScript,
})

/** Small enough that what else is said fits beside one into a message and into what may wait for a session. */
function partBytes({ payloadBytes, outboxBytes }: Options): number {
  return Math.min(PART_BYTES, Math.floor(payloadBytes / 2), Math.floor(outboxBytes / 4))
}
