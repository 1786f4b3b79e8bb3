/** Members, who comes and goes, and pages of history: what an application does with its rooms. */

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  server.publicData('nick')
  server.use(({ auth }) => ({ nick: String(auth), secret: 'nobody sees this' }))

  server.on('session', (session) => {
    session.on('enter', async (room, presence) => {
      await session.join(room, { presence })
      return server.room(room).members()
    })
    session.on('leave', (room) => session.leave(room))
    session.on('say', (room, text) => session.to(room).emit('said', text))
    session.on('nick', (nick) => session.update({ nick }))
    session.on('members', (room) => server.room(room).members())
    session.on('count', (room) => server.room(room).count())
    session.on('history', (room, options) => server.room(room).history(options))
  })
}
