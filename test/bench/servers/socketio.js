/**
 * The same application on Socket.IO, as its documentation sets up a cluster: sticky, cluster adapter, `advanced`
 * serialization, and the request dropped after the handshake. One process serves a whole cluster: `socketio.js <workers>`.
 */
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { createAdapter, setupPrimary } from '@socket.io/cluster-adapter'
import { setupMaster, setupWorker } from '@socket.io/sticky'
import { Server } from 'socket.io'

const httpServer = createServer()
if (cluster.isPrimary) {
  setupMaster(httpServer, { loadBalancingMethod: 'least-connection' })
  setupPrimary()
  cluster.setupPrimary({ serialization: 'advanced' })
  const workers = Number(process.argv[2])
  let ready = 0
  cluster.on('message', (_, message) => {
    if (message !== 'ready' || ++ready < workers) return
    httpServer.listen(0, '127.0.0.1', () => console.log(`listening on port ${httpServer.address().port}`))
  })
  for (let i = 0; i < workers; i++) cluster.fork()
} else {
  const io = new Server(httpServer, { serveClient: false, perMessageDeflate: false })
  io.adapter(createAdapter())
  setupWorker(io)
  io.engine.on('connection', (socket) => {
    socket.request = null
  })
  io.on('connection', (socket) => {
    socket.on('join', async (room, joined) => {
      await socket.join(room)
      joined()
    })
    socket.on('say', (room, payload) => io.to(room).emit('said', payload))
    socket.on('echo', (payload, answer) => answer(payload))
  })
  process.send('ready')
}
