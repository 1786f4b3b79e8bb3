/**
 * Sends and takes a load of numbered messages, and remembers both: what a test compares with its own memory.
 * Contents are digests, so that an altered message is found without keeping it.
 */
import { createHash } from 'node:crypto'

const digest = (content) => createHash('sha1').update(content).digest('base64url').slice(0, 10)

/** Of this process, by session: what was sent to it and received from it, in order. */
const logs = new Map()

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  server.on('session', (session) => {
    const log = { sent: [], received: [], closed: null }
    logs.set(session.id, log)
    let timer = null
    const stop = () => {
      clearInterval(timer)
      timer = null
    }
    session.on('close', (end) => {
      stop()
      log.closed = end.code
    })

    // Every third message is binary; sizes vary from few bytes to some segments.
    const send = (sizes) => {
      const n = log.sent.length + 1
      const size = sizes[n % sizes.length]
      const content =
        n % 3 === 0 ? new Uint8Array(size).fill(n) : String.fromCharCode(97 + (n % 26)).repeat(size)
      log.sent.push([n, digest(content)])
      session.emit('down', n, content)
    }
    session.on('start', (everyMs, sizes) => {
      stop()
      timer = setInterval(() => send(sizes), everyMs)
    })
    session.on('burst', (count, sizes) => {
      for (let i = 0; i < count; i++) send(sizes)
    })
    session.on('stop', () => {
      stop()
      return log.sent.length
    })
    session.on('up', (n, content) => {
      log.received.push([n, digest(content)])
      return n
    })
    session.on('log', (id) => logs.get(id))
    session.on('pid', () => process.pid)

    session.on('enter', async (room) => {
      await session.join(room)
    })
    session.on('say', (room, id, content) => session.to(room).emit('said', room, id, content))
  })
}
