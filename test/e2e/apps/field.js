/**
 * The application of most e2e tests: says which process serves a session, publishes into rooms, and remembers
 * everything that happened to its sessions, so that a test can ask.
 */
import { LimpetError } from 'limpet'

/** Of this process: what happened to which session, in order. */
const diary = []

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  server.use((hello) => {
    if (hello.auth?.refuse) throw new LimpetError('not_welcome', 'this one stays outside')
    if (hello.auth?.crash) throw new Error('use is broken')
    if (hello.auth?.slow) return new Promise((resolve) => setTimeout(resolve, hello.auth.slow, {}))
    return { name: hello.auth?.name ?? null }
  })

  server.on('session', (session) => {
    const note = (what, detail) => diary.push([session.id, what, detail ?? null])
    session.on('open', () => note('open'))
    session.on('suspend', () => note('suspend'))
    session.on('resume', () => note('resume'))
    session.on('close', (end) => note('close', end.code))

    session.on('pid', () => process.pid)
    session.on('address', () => session.address)
    session.on('echo', (...args) => args.slice(0, -1))
    session.on('note', (value) => note('note', value))
    session.on('send', (count, bytes) => {
      for (let i = 0; i < count; i++) session.emit('sent', i, 'x'.repeat(bytes))
    })
    // Of one session of this process, or of all: then the first argument is the message's own.
    session.on('diary', (id) => diary.filter(([of]) => typeof id !== 'string' || of === id))

    session.on('enter', async (room) => {
      await session.join(room)
      return server.room(room).count()
    })
    session.on('leave', (room) => session.leave(room))
    session.on('say', (room, ...args) => session.to(room).emit('said', ...args))
    session.on('history', async (room, limit) => (await server.room(room).history({ limit })).entries)
    session.on('members', async (room) => (await server.room(room).members()).map(({ id }) => id))

    session.on('throw', () => {
      throw new Error('a handler is broken')
    })
    session.on('reject', () => Promise.reject(new Error('a promise is broken')))
    session.on('refuse', () => {
      throw new LimpetError('not_today', 'come again')
    })
    session.on('later', () => {
      setTimeout(() => {
        throw new Error('a timer is broken')
      }, 0)
      void Promise.reject(new Error('nobody listens'))
    })
    session.on('end', (code, reason) => session.close(code, reason))
  })

  // Raw connections: every message is answered with the process and itself.
  server.engine.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(`${process.pid} ${data}`))
  })

  server.http((_req, res) => res.end(String(process.pid)))
}
