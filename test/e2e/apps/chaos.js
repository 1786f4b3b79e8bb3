/**
 * All it knows is in sessions' data, and changes in the turn that handles a message: a process may be killed at any
 * moment. What each handler ran for is appended to a file, which no turn takes back.
 */
import { createHash } from 'node:crypto'
import { openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

const digestOf = (content) => createHash('sha1').update(content).digest('base64url').slice(0, 10)

const SIZES = [1, 40, 300, 1500]

/** The nth message of a stream: every third is binary, a few bytes or some hundreds. */
const contentOf = (n) =>
  n % 3 === 0
    ? new Uint8Array(SIZES[n % SIZES.length]).fill(n)
    : String.fromCharCode(97 + (n % 26)).repeat(SIZES[n % SIZES.length])

let file = null
const noteRun = ({ id, redelivered }, what) => {
  file ??= openSync(process.env.CHAOS_RUNS, 'a')
  writeSync(file, `${id} ${what} ${redelivered ? 'again' : 'first'}\n`)
}

/** @type {import('../../../lib/index.ts').App} */
export default (server) => {
  let finishLong = () => {}
  server.use(() => ({ opens: 0, everyMs: 0, down: 0, up: 0, side: 0 }))
  server.on('session', (session) => {
    let timer = null
    const send = () => {
      const n = session.data.down + 1
      session.update({ down: n })
      const content = contentOf(n)
      session.emit('down', n, digestOf(content), content)
    }
    const goOn = () => {
      clearInterval(timer)
      timer = session.data.everyMs > 0 ? setInterval(send, session.data.everyMs) : null
    }
    // In a process that takes over, too.
    goOn()
    session.on('open', () => session.update({ opens: session.data.opens + 1 }))
    session.on('close', () => clearInterval(timer))
    session.on('start', (everyMs) => {
      session.update({ everyMs })
      goOn()
    })
    session.on('stop', () => {
      session.update({ everyMs: 0 })
      goOn()
    })
    session.on('pid', () => process.pid)
    session.on('data', () => session.data)

    const take = (n, content) => {
      session.update({ up: session.data.up + 1 })
      session.emit('took', n, digestOf(content))
      return n
    }
    session.on('up', (n, content, message) => {
      noteRun(message, `up ${n}`)
      return take(n, content)
    })
    // Await first, then act.
    session.on('later', async (n, content, message) => {
      noteRun(message, `up ${n}`)
      await (n % 2 === 0 ? pause(n % 16) : session.emitWithAck('echo', n))
      return take(n, content)
    })
    session.on(
      'side',
      async (n, message) => {
        noteRun(message, `side ${n}`)
        await pause(n % 30)
        session.update({ side: session.data.side + 1 })
        session.emit('sided', n)
      },
      { concurrent: true },
    )
    session.on('long', (message) => {
      noteRun(message, 'long')
      return new Promise((resolve) => {
        finishLong = resolve
      })
    })
    session.on('finish', (what) => finishLong(what))
    session.on('die', (message) => {
      noteRun(message, 'die')
      process.kill(process.pid, 'SIGKILL')
    })

    session.on('enter', async (room, mark) => {
      await session.join(room)
      session.to(room).emit('said', room, mark)
      session.emit('entered', room)
    })
    // What came before `left` belongs to the stay that ends here.
    session.on('leave', (room) => {
      void session.leave(room)
      session.emit('left', room)
    })
    session.on('say', (room, id) => session.to(room).emit('said', room, id))
    session.on('members', async (room) => (await server.room(room).members()).map(({ id }) => id))
    session.on('bye', () => session.close('bye'))
  })
}
