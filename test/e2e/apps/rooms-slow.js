/** A room, and what its worker holds for those who do not read. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

/** Of this process, by id: its sessions, and the codes of those that ended. */
const sessions = new Map()
const ends = new Map()

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  server.on('session', (session) => {
    session.on('open', () => sessions.set(session.id, session))
    session.on('close', ({ code }) => {
      sessions.delete(session.id)
      ends.set(session.id, code)
    })
    session.on('enter', (room) => session.join(room))
    session.on('say', (room, ...args) => session.to(room).emit('said', ...args))
    session.on('fill', (id, count, bytes) => {
      for (let i = 0; i < count; i++) sessions.get(id).emit('filled', i, 'x'.repeat(bytes))
    })
    session.on('end of', (id) => ends.get(id) ?? null)
    session.on('memory', async () => {
      gc()
      // What the first one found dead is swept beside, and counted until then.
      await new Promise((resolve) => setTimeout(resolve, 50))
      gc()
      const { heapUsed, external } = process.memoryUsage()
      const queues = process
        ._getActiveHandles()
        .map(({ writableLength = 0, _handle }) => Math.max(writableLength, _handle?.writeQueueSize ?? 0))
      return { held: heapUsed + external, queued: Math.max(0, ...queues) }
    })
  })
}
