/** WebSockets of sessions: Engine.IO 4 as spoken here, and clients that do not read. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import type { Link } from '../../lib/worker/link.ts'
import { connection, type LinkRig, linkRig } from '../support/link-rig.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { type RawConnection, upgradeRequest } from '../support/raw.ts'
import { pause, until } from '../support/until.ts'

const KB = 1024
const PAGE = 256 * KB
const TARGET = '/?EIO=4&transport=websocket&limpet=1'

/** A WebSocket link whose client reads no more. */
async function stopped(t: Test, of: LinkRig): Promise<{ link: Link; client: RawConnection }> {
  const client = await connection(t, of)
  client.write(upgradeRequest(TARGET))
  await client.response()
  await client.frame()
  client.socket.pause()
  return { link: of.links.at(-1)!, client }
}

/** Whenever the link can take a page it gets one, until it takes none for a while. */
async function fill(link: Link, of: LinkRig): Promise<{ pages: number; most: number }> {
  let pages = 0
  let most = 0
  for (let idle = 0; idle < 20; idle++) {
    for (; link.writable; idle = 0) {
      link.send([`e${String(pages++).padEnd(PAGE - 1)}`])
      most = Math.max(most, of.queued())
    }
    await pause(5)
  }
  return { pages, most }
}

t.test('a link keeps nothing of its request', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const of = await linkRig(t)
  const { link, client } = await stopped(t, of)
  link.headers = null
  await until(() => {
    collect()
    return of.upgrade!.deref() === undefined
  })
  client.socket.resume()
  link.send(['e1'])
  t.equal(String((await client.frame()).payload), '4e1', 'and it works')
  client.destroy()
  await until(() => of.seen.some((what) => what.startsWith('closed')))
})

t.test('one page waits in the socket, and the next goes when the client has read on', async (t) => {
  const of = await linkRig(t)
  const { link, client } = await stopped(t, of)
  const { pages, most } = await fill(link, of)
  t.ok(of.queued() > 0 && most < PAGE + KB, `${most} bytes waited at most`)
  t.notOk(link.writable)
  of.seen.length = 0
  client.socket.resume()
  for (let n = 0; n < pages; n++) {
    const { payload } = await client.frame()
    t.equal(payload.subarray(0, 8).toString().trim(), `4e${n}`)
  }
  await until(() => link.writable)
  t.same(of.seen, ['writable'])
})

t.test('of the pings of a client that does not read the last one is answered when it reads', async (t) => {
  const of = await linkRig(t)
  const { link, client } = await stopped(t, of)
  const { pages } = await fill(link, of)
  const before = of.queued()
  for (let n = 1; n <= 1000; n++) client.sendFrame(`ping ${n}`, 9)
  client.sendFrame('4read')
  await until(() => of.seen.includes('frame read'))
  t.equal(of.queued(), before, 'nothing was added to what waits')
  client.socket.resume()
  for (let n = 0; n < pages; n++) t.equal((await client.frame()).opcode, 1)
  const pong = await client.frame()
  t.same([pong.opcode, String(pong.payload)], [10, 'ping 1000'])
  client.sendFrame('again', 9)
  t.equal(String((await client.frame()).payload), 'again', 'one that reads gets an answer to each')
})

for (const [what, code, send] of [
  ['text that is no UTF-8', 1007, (client) => client.sendFrame(Uint8Array.of(0x34, 0xff), 1)],
  ['a reserved opcode', 1002, (client) => client.sendFrame('', 3)],
  ['a message past the limit', 1009, (client) => client.write(Buffer.from('82ff0000000100000000', 'hex'))],
  ['a code of the peer’s', 4711, (client) => client.sendFrame(Uint8Array.of(4711 >> 8, 4711 & 0xff), 8)],
] as const satisfies readonly (readonly [string, number, (client: RawConnection) => void])[]) {
  t.test(`${what} is answered with a close frame, and nothing behind it is taken`, async (t) => {
    const of = await linkRig(t)
    const { client, link } = await opened(t, of)
    client.socket.cork()
    send(client)
    client.sendFrame('4late')
    client.socket.uncork()
    const close = await client.frame()
    t.same([close.opcode, close.payload.readUInt16BE()], [8, code])
    t.notOk(link.writable)
    await client.end()
    await until(() => of.open() === 0)
    t.same(of.seen, ['closed transport close'])
  })
}

t.test('a client that was not read any more is heard when the link is closed', async (t) => {
  const of = await linkRig(t)
  const { client, link } = await opened(t, of)
  link.setReading(false)
  link.close()
  t.equal((await client.frame()).opcode, 8)
  client.sendFrame('4unread')
  client.sendFrame('', 8)
  await client.end()
  client.socket.end()
  await until(() => of.open() === 0)
  t.equal(of.heard, 1, 'the deadline would have cut it unheard')
  t.same(of.seen, ['closed forced close'])
})

t.test('a client that ends its side without a word', async (t) => {
  const of = await linkRig(t)
  const { client } = await opened(t, of)
  client.socket.end()
  await client.end()
  await until(() => of.open() === 0)
  t.same(of.seen, ['closed transport close'])
})

/** Opened, and its open packet was read. */
async function opened(t: Test, of: LinkRig): Promise<{ link: Link; client: RawConnection; open: unknown }> {
  const client = await connection(t, of)
  client.write(upgradeRequest(TARGET))
  await client.response()
  const { payload } = await client.frame()
  t.equal(payload[0], '0'.charCodeAt(0))
  return { link: of.links.at(-1)!, client, open: JSON.parse(payload.toString('utf8', 1)) }
}

t.test('the open packet says the terms, and no two sids are the same', async (t) => {
  const of = await linkRig(t, 700, 600)
  const opens = [(await opened(t, of)).open, (await opened(t, of)).open] as { sid: string }[]
  for (const open of opens)
    t.match(open, { sid: /^0-[a-z0-9]+$/, upgrades: [], pingInterval: 600, pingTimeout: 700 })
  t.not(opens[0]!.sid, opens[1]!.sid)
})

t.test('pings; who answers stays, who does not is cut', async (t) => {
  const of = await linkRig(t, 200, 150)
  const { client } = await opened(t, of)
  for (let n = 0; n < 3; n++) {
    t.equal(String((await client.frame()).payload), '2')
    client.sendFrame('3')
  }
  t.ok(of.seen.every((what) => what === 'writable'))
  await until(() => of.seen.includes('closed ping timeout'))
  await until(() => of.open() === 0)
})

t.test('messages, text and binary; noop and upgrade are passed over', async (t) => {
  const of = await linkRig(t)
  const { client } = await opened(t, of)
  for (const text of ['6', '5', '4', '4héllo']) client.sendFrame(text)
  client.sendFrame(Uint8Array.of(1, 2, 3), 2)
  await until(() => of.seen.length === 3)
  t.same(of.seen, ['frame ', 'frame héllo', 'frame \u0001\u0002\u0003'])
})

for (const [what, payload, end] of [
  ['a ping, which is the server’s to send', '2', 'closed parse error'],
  ['an unknown type', '9', 'closed parse error'],
  ['nothing at all', '', 'closed parse error'],
  ['a close', '1', 'closed forced close'],
] as const) {
  t.test(`${what} ends it`, async (t) => {
    const of = await linkRig(t)
    const { client, link } = await opened(t, of)
    client.sendFrame(payload)
    await until(() => of.seen.includes(end))
    t.notOk(link.writable)
    link.send(['e1'])
    link.close()
    link.terminate()
    t.same(of.seen, [end], 'once')
  })
}

t.test('an orderly end waits for the peer, a second at most', async (t) => {
  const of = await linkRig(t)
  const { client, link } = await opened(t, of)
  link.send(['last'])
  link.close()
  t.same(of.seen.at(-1), 'closed forced close')
  t.equal(String((await client.frame()).payload), '4last')
  t.equal((await client.frame()).opcode, 8)
  t.equal(of.open(), 1)
  const began = performance.now()
  await until(() => of.open() === 0)
  t.ok(performance.now() - began < 3000)
})

t.test('nothing follows a close frame, though the client keeps the connection', async (t) => {
  const of = await linkRig(t)
  const { client, link } = await opened(t, of)
  client.sendFrame('', 8)
  t.equal((await client.frame()).opcode, 8)
  t.notOk(link.writable)
  link.send(['late'])
  await client.end()
  await until(() => of.seen.includes('closed transport close'))
})

t.test('what is no handshake is refused as engine.io does', async (t) => {
  const of = await linkRig(t)
  for (const target of [
    '/?EIO=3&transport=websocket&limpet=1',
    '/?EIO=4&transport=websocket&limpet=1&sid=0-1',
    '/?EIO=4&transport=none&limpet=1',
  ]) {
    const client = await connection(t, of)
    client.write(upgradeRequest(target))
    t.equal((await client.response()).status, 400, target)
  }
  const client = await connection(t, of)
  client.write(upgradeRequest(TARGET).replace(/Sec-WebSocket-Key: .*\r\n/i, 'Sec-WebSocket-Key: short\r\n'))
  t.equal((await client.response()).status, 400)
  t.same(of.links, [])
})

nothingLeft(t)
