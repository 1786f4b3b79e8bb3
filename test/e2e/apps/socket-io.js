/** Socket.IO behind limpet: each worker has a Socket.IO server of its own on its raw connections. */
import { Server } from 'socket.io'

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  const io = new Server()
  io.bind(server.engine)
  io.on('connection', (socket) => {
    socket.on('pid', (answer) => answer(process.pid))
    socket.on('echo', (...args) => args.pop()(...args))
    socket.on('enter', (room, answer) => {
      socket.join(room)
      answer()
    })
    socket.on('say', (room, text) => io.to(room).emit('said', text))
    // Nothing is confirmed or read meanwhile.
    socket.on('block', (ms) => {
      const end = performance.now() + ms
      while (performance.now() < end);
    })
  })
}
