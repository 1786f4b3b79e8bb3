/** Rooms under load: nothing waits for anything, so that joins race leaves and publishes. */

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  server.on('session', (session) => {
    // `mark` is published behind the join: its author must see it.
    session.on('enter', (room, mark) => {
      const answer = (name, ...args) => {
        if (session.state !== 'closed') session.emit(name, room, ...args)
      }
      session.join(room).then(
        () => answer('entered'),
        ({ code }) => answer('refused', code),
      )
      session.to(room).emit('said', room, mark)
    })
    // What came before `left` belongs to the stay that ends here.
    session.on('leave', (room) => {
      void session.leave(room)
      session.emit('left', room)
    })
    session.on('say', (room, id, content) => session.to(room).emit('said', room, id, content))
    session.on('members', async (room) => ({
      count: await server.room(room).count(),
      ids: (await server.room(room).members()).map(({ id }) => id),
    }))
    session.on('bye', () => session.close('bye'))
  })
}
