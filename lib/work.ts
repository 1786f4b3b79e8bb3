/** What the primary forks: a worker with the chat built in. */
import { chat } from './chat/app.ts'
import { chatPages, clientScript } from './chat/files.ts'
import { runWorker } from './worker/worker.ts'

runWorker({
  builtIn: (server, path) => chat(server as unknown as Parameters<typeof chat>[0], chatPages(path)),
  pages: clientScript,
})
