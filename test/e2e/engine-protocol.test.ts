/**
 * The Engine.IO v4 protocol, as its public document lists what a server does, through the primary and four workers: each
 * connection with a segment of its own, and with none. Requests share kept-alive connections, whoever they are for.
 */
import t, { type Test } from 'tap'
import { slotOfSid } from '../../lib/placement.ts'
import { startCluster } from '../support/cluster.ts'
import { type Check, checkAll, isOver, opened, segmentPath } from '../support/engine-checks.ts'
import { EnginePeer, type EngineSocket, type Handshake } from '../support/engine-peer.ts'
import { nothingLeft } from '../support/nothing-left.ts'

const WORKERS = 4
const MAX_PAYLOAD = 1_000_000
/** No ping comes in between; an upgrade that is not completed is given up soon. */
const QUIET = { pingInterval: 20_000, pingTimeout: 20_000, upgradeTimeout: 500 }
const HANDSHAKE = {
  pingInterval: QUIET.pingInterval,
  pingTimeout: QUIET.pingTimeout,
  maxPayload: MAX_PAYLOAD,
}

/** Probe, answer, noop on the poll that waits, upgrade. */
async function upgraded(t: Test, peer: EnginePeer): Promise<{ sid: string; socket: EngineSocket }> {
  const { sid } = await peer.open()
  const socket = peer.socket(`EIO=4&transport=websocket&sid=${sid}`)
  await socket.send('2probe')
  t.equal(await socket.next(), '3probe')
  const { status, packets } = await peer.poll(sid)
  t.same([status, packets], [200, ['6']], 'the poll is ended by a noop')
  await socket.send('5')
  return { sid, socket }
}

const CHECKS: Readonly<Record<string, Check>> = {
  'handshake, polling: opens': async (t, peer) => {
    const { status, body } = await peer.fetch('EIO=4&transport=polling')
    t.same([status, body[0]], [200, '0'])
    const { sid, ...rest } = JSON.parse(body.slice(1)) as Handshake
    t.type(sid, 'string')
    t.same(rest, { ...HANDSHAKE, upgrades: ['websocket'] }, 'five keys')
  },
  'handshake, polling: another protocol': async (t, peer) => {
    for (const query of ['transport=polling', 'EIO=abc&transport=polling', 'EIO=3&transport=polling'])
      t.equal((await peer.fetch(query)).status, 400, query)
  },
  'handshake, polling: another transport': async (t, peer) => {
    for (const query of ['EIO=4', 'EIO=4&transport=abc', 'EIO=4&transport=websocket'])
      t.equal((await peer.fetch(query)).status, 400, query)
  },
  'handshake, polling: another method': async (t, peer) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      t.equal((await peer.fetch('EIO=4&transport=polling', { method })).status, 400, method)
  },
  'handshake, WebSocket: opens': async (t, peer) => {
    const socket = peer.socket()
    const packet = String(await socket.next())
    const { sid, ...rest } = JSON.parse(packet.slice(1)) as Handshake
    t.same([packet[0], typeof sid], ['0', 'string'])
    t.same(rest, { ...HANDSHAKE, upgrades: [] }, 'five keys')
    socket.close()
  },
  'handshake, WebSocket: another protocol': async (t, peer) => {
    for (const query of ['transport=websocket', 'EIO=abc&transport=websocket'])
      t.equal(await peer.socket(query).end(), 400, query)
  },
  'handshake, WebSocket: another transport': async (t, peer) => {
    for (const query of ['EIO=4', 'EIO=4&transport=abc']) t.equal(await peer.socket(query).end(), 400, query)
  },
  'a session that is unknown': async (t, peer) => {
    for (const sid of ['unknown', '3-unknown', '99-unknown']) {
      await isOver(t, peer, sid)
      t.equal(await peer.socket(`EIO=4&transport=websocket&sid=${sid}`).end(), 400)
    }
  },
  'message, polling: one text': async (t, peer) => {
    const { sid } = await peer.open()
    const post = await peer.post(sid, '4hello')
    t.same([post.status, post.body], [200, 'ok'])
    t.same(await peer.poll(sid), { status: 200, packets: ['4hello'] })
  },
  'message, polling: several texts': async (t, peer) => {
    const { sid } = await peer.open()
    await peer.post(sid, '4one', '4two', '4ünf 😀')
    t.same((await peer.poll(sid)).packets, ['4one', '4two', '4ünf 😀'])
  },
  'message, polling: text and bytes': async (t, peer) => {
    const { sid } = await peer.open()
    await peer.post(sid, '4hello', 'bAQIDBA==')
    t.same((await peer.poll(sid)).packets, ['4hello', 'bAQIDBA=='])
  },
  'message, polling: a packet of no kind ends the session': async (t, peer) => {
    const { sid } = await peer.open()
    await peer.post(sid, 'abc')
    await isOver(t, peer, sid)
  },
  'message, polling: two polls at once end the session': async (t, peer) => {
    const { sid } = await peer.open()
    const [first, second] = await peer.pollAnd(sid, 'GET', '')
    t.same([first.status, String(first.body), second.status], [200, '1', 400])
    await isOver(t, peer, sid)
  },
  'message, polling: larger than maxPayload': async (t, peer) => {
    const { sid } = await peer.open()
    t.equal((await peer.post(sid, `4${'x'.repeat(MAX_PAYLOAD)}`)).status, 413)
    const most = `4${'x'.repeat(MAX_PAYLOAD - 1)}`
    t.equal((await peer.post(sid, most)).status, 200)
    t.same((await peer.poll(sid)).packets, [most])
  },
  'message, WebSocket: text': async (t, peer) => {
    const socket = await opened(peer)
    await socket.send('4hello', '4ünf 😀', '4')
    t.same([await socket.next(), await socket.next(), await socket.next()], ['4hello', '4ünf 😀', '4'])
    socket.close()
  },
  'message, WebSocket: bytes': async (t, peer) => {
    const socket = await opened(peer)
    await socket.send(Uint8Array.of(1, 2, 3, 4))
    t.same(await socket.next(), Buffer.of(1, 2, 3, 4))
    socket.close()
  },
  'message, WebSocket: a packet of no kind ends the session': async (t, peer) => {
    const socket = await opened(peer)
    await socket.send('abc')
    t.equal(await socket.end(), 1005)
  },
  'message, WebSocket: larger than maxPayload': async (t, peer) => {
    const socket = await opened(peer)
    await socket.send(`4${'x'.repeat(MAX_PAYLOAD - 1)}`)
    t.equal((await socket.next()).length, MAX_PAYLOAD)
    await socket.send(`4${'x'.repeat(MAX_PAYLOAD)}`)
    t.equal(await socket.end(), 1009)
  },
  'close, polling': async (t, peer) => {
    const { sid } = await peer.open()
    const [poll, close] = await peer.pollAnd(sid, 'POST', '1')
    t.same([poll.status, String(poll.body), close.status], [200, '6', 200], 'the poll is ended by a noop')
    await isOver(t, peer, sid)
  },
  'close, WebSocket': async (t, peer) => {
    const socket = await opened(peer)
    const began = performance.now()
    await socket.send('1')
    t.equal(await socket.end(), 1005)
    t.ok(performance.now() - began < QUIET.pingTimeout / 2, 'not by a missing pong')
  },
  'upgrade: from polling to WebSocket': async (t, peer) => {
    const { socket } = await upgraded(t, peer)
    await socket.send('4hello')
    t.equal(await socket.next(), '4hello')
    socket.close()
  },
  'upgrade: what was not polled yet follows on the WebSocket, in order': async (t, peer) => {
    const { sid, socket } = await upgraded(t, peer)
    await socket.send('4one', Uint8Array.of(2), '4three')
    t.same([await socket.next(), await socket.next(), await socket.next()], ['4one', Buffer.of(2), '4three'])
    t.equal((await peer.poll(sid)).status, 400, 'requests of the same session are refused')
    t.equal((await peer.post(sid, '4no')).status, 400)
    await socket.send('4four')
    t.equal(await socket.next(), '4four', 'and change nothing')
    socket.close()
  },
  'upgrade: another WebSocket of the same session is refused': async (t, peer) => {
    const { sid, socket } = await upgraded(t, peer)
    await peer.socket(`EIO=4&transport=websocket&sid=${sid}`).end()
    await socket.send('4hello')
    t.equal(await socket.next(), '4hello', 'the first one goes on')
    socket.close()
  },
  'upgrade: one that fails is ignored': async (t, peer) => {
    const { sid } = await peer.open()
    const query = `EIO=4&transport=websocket&sid=${sid}`
    const wrong = peer.socket(query)
    await wrong.send('4no probe')
    await wrong.end()
    const late = peer.socket(query)
    await late.send('2probe')
    t.equal(await late.next(), '3probe')
    const said = async (): Promise<string> => {
      for (;;) {
        const packets = (await peer.poll(sid)).packets.filter((packet) => packet !== '6')
        if (packets.length > 0) return packets.join()
      }
    }
    await peer.post(sid, '4hello')
    t.equal(await said(), '4hello', 'polling goes on meanwhile')
    const next = said()
    await late.end()
    await peer.post(sid, '4again')
    t.equal(await next, '4again', 'and afterwards')
  },
  'CORS as the application set it': async (t, peer) => {
    const { headers } = await peer.fetch('EIO=4&transport=polling', {
      headers: { Origin: 'https://example.org' },
    })
    t.equal(headers.get('access-control-allow-origin'), 'https://example.org')
  },
}

t.test('a raw echo', async (t) => {
  const env = { ENGINE_OPTIONS: JSON.stringify(QUIET) }
  const cluster = await startCluster(t, { app: 'raw-echo', workers: WORKERS, env })
  await checkAll(t, cluster.port, CHECKS)

  await t.test('the last slash may be missing', async (t) => {
    for (const path of [segmentPath(), '/api']) {
      const peer = new EnginePeer(cluster.port, path)
      const { sid } = await peer.open()
      await peer.post(sid, '4hello')
      t.same((await peer.poll(sid)).packets, ['4hello'])
      const socket = await opened(peer)
      socket.close()
    }
  })

  await t.test('each session is where its segment belongs', async (t) => {
    const seen = new Set<number | null>()
    for (let i = 0; i < 20; i++) {
      const path = segmentPath()
      const slot = slotOfSid((await new EnginePeer(cluster.port, path).open()).sid)
      t.equal(slot, cluster.slotOf(path.slice('/api/'.length)))
      seen.add(slot)
    }
    t.equal(seen.size, WORKERS)
  })
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
