/** What strangers send: each gets its answer or code and one log line; the workers live, and nobody else notices. */
import t, { type Test } from 'tap'
import { encodeEvent, encodeHello, encodeNumber } from '../../lib/wire/frames.ts'
import { PACKETS_MAX } from '../../lib/worker/packets.ts'
import { type Cluster, type LogLine, startCluster } from '../support/cluster.ts'
import { isSentence } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { openLink, type PeerLink, PeerSession, type Transport } from '../support/peer.ts'
import { ask, rawConnect, request, upgradeRequest } from '../support/raw.ts'
import { pause, until } from '../support/until.ts'
import { clientFrame } from '../support/ws-frames.ts'

const LIMITS = [
  ...['--head-ms', '500', '--head-bytes', '2048', '--hello-ms', '500'],
  ...['--payload-bytes', '10000', '--taken-bytes', '20000'],
]

interface Rig {
  readonly cluster: Cluster
  /** Logged since the last call. */
  lines(): LogLine[]
  /** Fails the test where a worker or another session was disturbed. */
  undisturbed(t: Test): Promise<void>
}

async function rig(t: Test): Promise<Rig> {
  const cluster = await startCluster(t, { app: 'field', args: [...LIMITS, '--log-level', 'debug'] })
  const pids = cluster.workers()
  const bystanders: PeerLink[] = []
  for (const slot of [0, 1]) {
    const link = await openLink(cluster.url, new PeerSession(cluster.segmentOn(slot)), 'websocket')
    await link.enter()
    bystanders.push(link)
  }
  t.teardown(() => {
    for (const link of bystanders) link.close()
  })
  let seen = cluster.log().length
  return {
    cluster,
    lines() {
      const lines = cluster.log().slice(seen)
      seen += lines.length
      return lines
    },
    async undisturbed(t) {
      t.same(cluster.workers(), pids, 'the same workers')
      for (const link of bystanders) {
        const number = link.question('diary', link.session.id)
        const { to, result } = await link.next('answer')
        t.same([to, result], [number, { ok: true, value: [[link.session.id, 'open', null]] }], 'undisturbed')
      }
    },
  }
}

/** One line, and not louder than a warning: a stranger's mistake is not the server's fault. */
async function loggedOnce(t: Test, { lines }: Rig, name: string): Promise<void> {
  const logged: LogLine[] = []
  await until(() => logged.push(...lines()) > 0, 1000).catch(() => {})
  // A second one would come at once.
  await pause(20)
  logged.push(...lines())
  t.equal(logged.length, 1, `${name}: one log line, got ${JSON.stringify(logged.map(({ msg }) => msg))}`)
  t.ok(
    logged.every(({ level }) => level > 0 && level <= 40),
    `${name}: at a sensible level`,
  )
}

type Sin = (link: PeerLink) => void
const SINS: [name: string, code: string, sin: Sin][] = [
  ['an unknown frame', 'protocol_error', (link) => link.say('zwhat')],
  ['an empty frame', 'protocol_error', (link) => link.say('')],
  ['malformed JSON', 'protocol_error', (link) => link.say('e["name"')],
  ['an event without a name', 'protocol_error', (link) => link.say('e[]')],
  ['an event that is no array', 'protocol_error', (link) => link.say('e{}')],
  [
    'JSON nested too deep',
    'protocol_error',
    (link) => link.say(`e["a",${'['.repeat(2000)}${']'.repeat(2000)}]`),
  ],
  [
    'binary with a lying length',
    'protocol_error',
    (link) => link.say(Uint8Array.of(0x65, 255, 255, 255, 255, 1)),
  ],
  ['a frame of the other direction', 'protocol_error', (link) => link.say('w{}')],
  ['hello twice', 'protocol_error', (link) => link.hello()],
  ['received more than was sent', 'protocol_error', (link) => link.say(encodeNumber('received', 1_000_000))],
  ['a count that is none', 'protocol_error', (link) => link.say('r-1')],
]

t.test('defaults: no raw connections, no pages, 4 MiB', async (t) => {
  const cluster = await startCluster(t, { app: 'quiet' })
  const raw = await ask(cluster.port, request('/api/abc/?EIO=4&transport=polling'))
  t.equal(raw.status, 400)
  t.match(raw.headers['content-type'], /^text\/plain/)
  t.equal((await ask(cluster.port, upgradeRequest('/api/abc/?EIO=4&transport=websocket'))).status, 400)
  t.equal((await ask(cluster.port, request('/'))).status, 404)
  t.equal((await ask(cluster.port, request('/health'))).status, 200)

  for (const transport of ['websocket', 'polling'] as const) {
    await t.test(`${transport}: 6 MiB are refused by default`, async (t) => {
      const link = await openLink(cluster.url, new PeerSession(), transport)
      t.equal((await link.enter()).limits.payloadBytes, 4 * 1024 * 1024)
      link.say(encodeEvent('large', [new Uint8Array(6 * 1024 * 1024)]))
      await link.end()
    })
  }
})

const [TEXT, CLOSE] = [1, 8]
const FRAGMENTS_MAX = 16_384

/** One frame of a message of which more is to come. */
function unfinished(payload: string, opcode: number): Buffer {
  const frame = clientFrame(payload, opcode)
  frame[0]! &= 0x7f
  return frame
}

/** More than a POST may hold, in few bytes. */
const MANY = Array.from({ length: PACKETS_MAX + 1 }, () => '3')

t.test('packets without end', async (t) => {
  const cluster = await startCluster(t, { app: 'field' })
  // Slot 1 is where the connection is not: that one is forwarded.
  for (const [query, slot] of [
    ['&limpet=1', 1],
    ['', 0],
  ] as const) {
    const connection = await rawConnect(cluster.port)
    const say = (text: string) => {
      connection.write(text)
      return connection.response()
    }
    t.equal((await say(request(`/api/${cluster.segmentOn(0)}/?EIO=4&transport=polling${query}`))).status, 200)
    const path = `/api/${cluster.segmentOn(slot)}/?EIO=4&transport=polling${query}`
    const { sid } = JSON.parse((await say(request(path))).body.toString().slice(1)) as { sid: string }
    const most = request(`${path}&sid=${sid}`, { method: 'POST', body: MANY.slice(1).join('\x1e') })
    t.equal((await say(most)).status, 200)
    const more = request(`${path}&sid=${sid}`, { method: 'POST', body: MANY.join('\x1e') })
    isSentence(t, await say(more), 413, `${query}, slot ${slot}`)
    connection.destroy()
    const poll = await ask(cluster.port, request(`${path}&sid=${sid}`))
    t.equal(poll.status, 400, 'the link is over')
  }
  for (const query of ['&limpet=1', '']) {
    const connection = await rawConnect(cluster.port)
    connection.write(upgradeRequest(`/api/${cluster.segmentOn(0)}/?EIO=4&transport=websocket${query}`))
    t.equal((await connection.response()).status, 101)
    await connection.frame()
    connection.write(unfinished('4', TEXT))
    connection.write(Buffer.concat(Array.from({ length: FRAGMENTS_MAX }, () => unfinished('x', 0))))
    const { opcode, payload } = await connection.frame()
    t.same([opcode, payload.readUInt16BE()], [CLOSE, 1008], 'a message of too many frames')
    connection.destroy()
  }
  t.same(cluster.complaints(), [])
})

t.test('limits and protocol', async (t) => {
  const r = await rig(t)
  const { cluster } = r

  await t.test('heads and requests', async (t) => {
    const link = `/api/${cluster.segmentOn(0)}/?EIO=4&transport=polling`
    const long = 'x'.repeat(3000)
    const cases: [name: string, bytes: string | Uint8Array, status: number][] = [
      ['garbage', 'GARBAGE\r\n\r\n', 400],
      ['TLS', Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00), 400],
      ['no path', 'GET HTTP/1.1\r\nHost: x\r\n\r\n', 400],
      ['another protocol version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', 400],
      ['a header without a colon', `GET ${link} HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n`, 400],
      [
        'two lengths',
        `POST ${link} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
        400,
      ],
      ['a negative length', `POST ${link} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`, 400],
      [
        'length and chunked',
        `POST ${link} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        400,
      ],
      ['a segment with other characters', request('/api/not!a!segment/?EIO=4&transport=polling'), 400],
      ['a segment that is too long', request(`/api/${'s'.repeat(65)}/?EIO=4&transport=polling`), 400],
      ['an escaped segment', request('/api/%61bc/?EIO=4&transport=polling'), 400],
      ['an empty authority', request('//'), 400],
      ['a bare scheme', request('http://'), 400],
      ['below a segment', request('/api/abc/more/?EIO=4&transport=polling'), 404],
      ['an oversize head', request(`/${long}`), 431],
      ['an oversize header', request('/', { headers: { Cookie: long } }), 431],
      ['an unknown transport', request(link.replace('polling', 'pigeon')), 400],
      ['an unknown sid', request(`${link}&sid=0-abcdefghijklmnopqrst`), 400],
      ['an old Engine.IO', request(link.replace('EIO=4', 'EIO=2')), 400],
      ['a payload that is too large', request(link, { method: 'POST', body: `4${'x'.repeat(20_000)}` }), 413],
      ['a method without meaning', request(link, { method: 'DELETE' }), 400],
      ['an upgrade to nowhere', upgradeRequest('/nowhere'), 404],
      ['an upgrade of another version', upgradeRequest(link, { 'Sec-WebSocket-Version': '1' }), 400],
    ]
    for (const [name, bytes, status] of cases) {
      const response = await ask(cluster.port, bytes)
      t.equal(response.status, status, name)
      if (status >= 400 && !/engine/.test(name)) t.ok(response.body.length < 300, `${name}: ${response.body}`)
      await loggedOnce(t, r, name)
    }
    await r.undisturbed(t)
  })

  await t.test(
    'a slow head is answered with 408 at its deadline, first and later on a connection',
    async (t) => {
      const first = await rawConnect(cluster.port)
      const start = Date.now()
      first.write('GET / HTTP/1.1\r\nHos')
      t.equal((await first.response()).status, 408)
      const took = Date.now() - start
      t.ok(took >= 450 && took < 2000, `after ${took} ms`)
      await first.end()

      const kept = await rawConnect(cluster.port)
      kept.write(request('/page'))
      t.equal((await kept.response()).status, 200)
      kept.write('GET /page HTTP/1.1\r\nHos')
      t.equal((await kept.response()).status, 408)
      await kept.end()

      // One byte at a time does not buy time.
      const trickle = await rawConnect(cluster.port)
      const trickling = setInterval(() => trickle.write('x'), 50)
      trickle.write('GET /')
      t.equal((await trickle.response()).status, 408)
      clearInterval(trickling)
      for (const connection of [first, kept, trickle]) connection.destroy()
      await r.undisturbed(t)
    },
  )

  for (const transport of ['websocket', 'polling'] satisfies Transport[]) {
    await t.test(`${transport}: frames that break the protocol`, async (t) => {
      for (const [name, code, sin] of SINS) {
        const session = new PeerSession(cluster.segmentOn(0))
        const link = await openLink(cluster.url, session, transport)
        await link.enter()
        r.lines()
        sin(link)
        t.equal((await link.next('close')).close.code, code, name)
        await link.end()
        await loggedOnce(t, r, name)
      }
      await r.undisturbed(t)
    })

    await t.test(`${transport}: before hello`, async (t) => {
      const first = async (say: Sin): Promise<string> => {
        const link = await openLink(cluster.url, new PeerSession(cluster.segmentOn(1)), transport)
        say(link)
        const { close } = await link.next('close')
        await link.end()
        return close.code
      }
      t.equal(await first((link) => link.say(encodeEvent('echo', [1]))), 'protocol_error', 'an event')
      t.equal(await first((link) => link.say('h{}')), 'protocol_error', 'a hello without anything')
      t.equal(await first((link) => link.say('hnull')), 'protocol_error', 'a hello of null')
      t.equal(await first((link) => link.hello({ key: '../../etc' })), 'protocol_error', 'a malformed key')
      t.equal(await first((link) => link.hello({ version: 99 })), 'version_unsupported')
      t.equal(await first(() => {}), 'hello_timeout', 'nothing')
      await r.undisturbed(t)
    })

    await t.test(`${transport}: counts that lie in a resume`, async (t) => {
      const lies: [string, (s: PeerSession) => Partial<ReturnType<PeerSession['hello']>>][] = [
        ['received more than was sent', () => ({ received: 1000 })],
        ['another check', (s) => ({ check: (s.inbox.check ^ 1) >>> 0 })],
      ]
      for (const [name, lie] of lies) {
        const session = new PeerSession(cluster.segmentOn(0))
        const link = await openLink(cluster.url, session, transport)
        await link.enter()
        link.question('send', 3, 10)
        await link.next('answer')
        const next = await openLink(cluster.url, session, transport)
        next.hello(lie(session))
        t.match((await next.next('gone')).gone, { code: 'count_mismatch', handled: 1, taken: 1 }, name)
        next.close()
        link.close()
      }
      // Less than was taken is no lie: the old link went on while this hello was under way.
      const session = new PeerSession(cluster.segmentOn(0))
      const link = await openLink(cluster.url, session, transport)
      await link.enter()
      link.question('pid')
      await link.next('answer')
      const next = await openLink(cluster.url, session, transport)
      t.match(await next.enter({ sent: 0 }), { id: session.id, taken: 1, handled: 1 })
      for (const l of [link, next]) l.close()
      await r.undisturbed(t)
    })

    await t.test(`${transport}: messages over the limit`, async (t) => {
      const session = new PeerSession(cluster.segmentOn(0))
      const link = await openLink(cluster.url, session, transport)
      await link.enter()
      link.emit('echo', 'x'.repeat(11_000))
      t.equal((await link.next('close')).close.code, 'payload_too_large')
      await link.end()

      // Past engine.io's own limit the transport answers: 413, or 1009.
      const huge = await openLink(cluster.url, new PeerSession(cluster.segmentOn(0)), transport)
      await huge.enter()
      huge.emit('echo', 'x'.repeat(100_000))
      await huge.end()
      await r.undisturbed(t)
    })
  }

  await t.test('room names, and events that nobody may send', async (t) => {
    const link = await openLink(cluster.url, new PeerSession(cluster.segmentOn(0)), 'websocket')
    await link.enter()
    const code = async (name: string, ...args: unknown[]): Promise<string> => {
      link.question(name, ...args)
      const { result } = await link.next('answer')
      return result.ok ? 'ok' : result.code
    }
    for (const room of ['', 'a\nb', '\u0000', 'x'.repeat(257), 'é'.repeat(129), null, 7, { a: 1 }, ['r']]) {
      t.equal(await code('enter', room), 'room_invalid', JSON.stringify(room)?.slice(0, 20))
      t.equal(await code('say', room, 1), 'room_invalid')
      t.equal(await code('members', room), 'room_invalid')
    }
    t.equal(await code('enter', 'é'.repeat(128)), 'ok', '256 bytes are a name')
    // Lifecycle names are the server's own: a client cannot make them happen.
    for (const name of ['open', 'suspend', 'resume', 'close']) t.equal(await code(name), 'no_handler', name)
    t.equal(await code('x'.repeat(256)), 'no_handler')
    t.equal(await code('__proto__'), 'no_handler')
    t.equal(await code('constructor'), 'no_handler')
    await r.undisturbed(t)
    link.close()
  })

  await t.test('on polling, a repeated frame is dropped and a skipped one breaks the link', async (t) => {
    const session = new PeerSession(cluster.segmentOn(1))
    const link = await openLink(cluster.url, session, 'polling')
    link.sayRaw(`1:${encodeHello(session.hello())}`)
    await link.next('welcome')
    const note = (n: number): string => `${n}:${encodeEvent('note', [n])}`
    for (const n of [2, 2, 1, 3]) link.sayRaw(note(n))
    link.sayRaw(`4:${encodeEvent('diary', [session.id], true)}`)
    const { result } = await link.next('answer')
    t.same(result.ok && result.value, [
      [session.id, 'open', null],
      [session.id, 'note', 2],
      [session.id, 'note', 3],
    ])
    link.sayRaw(note(6))
    await link.end()

    for (const nonsense of ['no number', '0:e["a"]', '-1:e["a"]', '99999999999999999999:e["a"]']) {
      const other = await openLink(cluster.url, new PeerSession(cluster.segmentOn(1)), 'polling')
      other.sayRaw(nonsense)
      await other.end()
    }
    await r.undisturbed(t)
  })
})

nothingLeft(t)
