/**
 * A process that holds connections open and says as little as it can: some nothing at all, some the head of a request
 * byte by byte, some the same behind a request that was answered. Who is cut comes again, until told to stop.
 */
import { connect } from 'node:net'

const [port, count, dripMs] = process.argv.slice(2, 5).map(Number)
const kinds = process.argv.slice(5)
const HEAD = `GET /api/loris/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nX-Slow: ${'z'.repeat(4000)}`
const WHOLE = 'GET /page HTTP/1.1\r\nHost: a\r\n\r\n'

/** Of each kind: longest life, and how many have ended. */
const lives = Object.fromEntries(kinds.map((kind) => [kind, { longestMs: 0, ended: 0 }]))
const dripping = new Set()
const open = new Map()
let stopping = false

function note(kind, ms) {
  lives[kind].longestMs = Math.max(lives[kind].longestMs, ms)
}

function hold(kind) {
  const socket = connect({
    port,
    host: '127.0.0.1',
    localAddress: `127.0.0.${2 + Math.floor(Math.random() * 8)}`,
  })
  const drip = { socket, sent: 0 }
  const began = () => {
    open.set(socket, { kind, since: performance.now() })
    if (kind !== 'idle') dripping.add(drip)
  }
  socket.on('connect', () => (kind === 'kept' ? socket.write(WHOLE) : began()))
  socket.on('data', () => {
    if (kind === 'kept' && !open.has(socket)) began()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    dripping.delete(drip)
    const held = open.get(socket)
    open.delete(socket)
    if (held) {
      note(kind, performance.now() - held.since)
      lives[kind].ended += 1
    }
    if (!stopping) setTimeout(() => hold(kind), 50 + Math.random() * 100)
  })
}

// Spread over time: a byte each.
const SLICES = 20
let slice = 0
setInterval(() => {
  slice = (slice + 1) % SLICES
  let i = 0
  for (const drip of dripping)
    if (i++ % SLICES === slice && drip.sent < HEAD.length) drip.socket.write(HEAD[drip.sent++])
}, dripMs / SLICES)

for (let i = 0; i < count; i++) setTimeout(() => hold(kinds[i % kinds.length]), i / 5)

process.on('message', (message) => {
  const now = performance.now()
  if (message === 'open') return process.send({ open: open.size })
  stopping = true
  for (const { kind, since } of open.values()) note(kind, now - since)
  process.send({ lives }, () => process.exit(0))
})
process.on('disconnect', () => process.exit(0))
