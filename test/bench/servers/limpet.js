/** The application that all stacks serve here: rooms, what is said to all of a room, an echo. */
/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  server.on('session', (session) => {
    session.on('join', async (room) => {
      await session.join(room)
    })
    session.on('say', (room, payload) => server.to(room).emit('said', payload))
    session.on('echo', (payload) => payload)
  })
}
