/** Engine.IO alone, one process: each member is sent to by `send`. */
import { createServer } from 'node:http'
import { Server } from 'engine.io'
import { createRooms } from './rooms.js'

const rooms = createRooms((text) => (member) => member.send(text))
const httpServer = createServer()
const engine = new Server({ perMessageDeflate: false })
engine.attach(httpServer)
engine.on('connection', (socket) => {
  const joined = new Set()
  socket.on('message', (text) => rooms.take(socket, joined, text, (answer) => socket.send(answer)))
  socket.on('close', () => rooms.leave(socket, joined))
})
httpServer.listen(0, '127.0.0.1', () => console.log(`listening on port ${httpServer.address().port}`))
