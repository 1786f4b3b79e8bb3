/** ws alone, one process: one frame per message, made once, written to each member's socket. The least without batching. */
import { createServer } from 'node:http'
import { Sender, WebSocketServer } from 'ws'
import { createRooms } from './rooms.js'

const TEXT = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false }
const rooms = createRooms((text) => {
  const frame = Buffer.concat(Sender.frame(Buffer.from(text), TEXT))
  return (member) => member._socket.write(frame)
})
const httpServer = createServer()
const server = new WebSocketServer({ server: httpServer, perMessageDeflate: false })
server.on('connection', (socket) => {
  const joined = new Set()
  socket.on('message', (data) => rooms.take(socket, joined, data.toString(), (answer) => socket.send(answer)))
  socket.on('close', () => rooms.leave(socket, joined))
})
httpServer.listen(0, '127.0.0.1', () => console.log(`listening on port ${httpServer.address().port}`))
