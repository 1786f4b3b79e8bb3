import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { limitPackets, PACKETS_MAX } from '../../lib/worker/packets.ts'

/** What engine.io and Node do with a request, as far as it matters here. */
class Body extends EventEmitter {
  resumed = false
  resume(): void {
    this.resumed = true
  }
}

function setUp() {
  const body = new Body()
  const seen: string[] = []
  limitPackets(body as unknown as IncomingMessage, () => seen.push('exceeded'))
  body.on('end', () => {})
  if (body.listenerCount('data') > 0) throw new Error('the body flows before anybody reads it')
  body.on('data', () => {})
  body.on('close', () => seen.push('close'))
  return { body, seen }
}

t.test('as many as there may be, in pieces of text or bytes', async (t) => {
  const all = '3\x1e'.repeat(PACKETS_MAX - 1)
  for (const pieces of [[all, '3'], [Buffer.from(all), Buffer.from('3')], all.match(/[\s\S]{1,65536}/g)!]) {
    const { body, seen } = setUp()
    for (const piece of pieces) body.emit('data', piece)
    t.same(seen, [])
    body.emit('data', '\x1e')
    t.same(seen, ['close', 'exceeded'], 'one more: first the engine lets go, then there is an answer')
    t.ok(body.resumed, 'the rest is read into nothing')
    body.emit('data', '\x1e')
    t.equal(seen.length, 2, 'once')
  }
})
