/** Held against ws: what is answered here it answers with the same bytes, what it refuses is left to it. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { handshakeAnswer } from '../../lib/worker/websocket-handshake.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { rawConnect, upgradeRequest } from '../support/raw.ts'

const USUAL = upgradeRequest('/x')

/** What ws answers, and what is answered here. */
async function answersTo(request: string): Promise<{ theirs: string; ours: string | null }> {
  const server = createServer()
  const ws = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  let ours: string | null = null
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    ours = handshakeAnswer(req)
    ws.handleUpgrade(req, socket, head, (made) => made.terminate())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await rawConnect((server.address() as AddressInfo).port)
  client.write(request)
  const chunks: Buffer[] = []
  client.socket.on('data', (chunk) => chunks.push(chunk))
  await once(client.socket, 'close')
  client.destroy()
  server.close()
  await once(server, 'close')
  return { theirs: String(Buffer.concat(chunks)), ours }
}

for (const [what, request] of [
  ['as browsers ask', USUAL],
  ['with another case', USUAL.replace(/Upgrade: websocket/i, 'Upgrade: WebSocket')],
  ['with an extension', USUAL.replace(/\r\n$/, 'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n')],
] as const) {
  t.test(what, async (t) => {
    const { theirs, ours } = await answersTo(request)
    t.match(theirs, /^HTTP\/1.1 101 /)
    t.equal(ours, theirs)
  })
}

for (const [what, request] of [
  ['a key of another length', USUAL.replace(/(Sec-WebSocket-Key: )(.*)/i, '$1short')],
  ['no key', USUAL.replace(/Sec-WebSocket-Key: .*\r\n/i, '')],
  ['another version', USUAL.replace(/(Sec-WebSocket-Version: )13/i, '$112')],
  ['another upgrade', USUAL.replace(/Upgrade: websocket/i, 'Upgrade: h2c')],
  ['another method', USUAL.replace('GET', 'POST')],
] as const) {
  t.test(`${what} is left to ws, which refuses it`, async (t) => {
    const { theirs, ours } = await answersTo(request)
    t.match(theirs, /^HTTP\/1.1 4\d\d /)
    t.equal(ours, null)
  })
}

t.test('a subprotocol is left to ws, which takes the first', async (t) => {
  const { theirs, ours } = await answersTo(USUAL.replace(/\r\n$/, 'Sec-WebSocket-Protocol: a, b\r\n\r\n'))
  t.match(theirs, /^HTTP\/1.1 101 .*Sec-WebSocket-Protocol: a\r\n/s)
  t.equal(ours, null)
})

nothingLeft(t)
