import t from 'tap'
import { isSentence, startEdges } from '../support/edges.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, request, upgradeRequest } from '../support/raw.ts'

const APP = 'https://app.example'
const FOREIGN = { Origin: 'https://evil.example' }

t.test('pages of other origins', async (t) => {
  const edges = await startEdges(2, { origin: `same,${APP}` })
  t.teardown(() => edges.close())
  const { port } = edges.workers[0]!
  for (const slot of [0, 1]) {
    const path = `/api/${edges.segment(slot)}/?EIO=4&limpet=1`
    const about = slot === 0 ? 'own' : 'forwarded'
    for (const engine of [path, path.replace('&limpet=1', '')]) {
      isSentence(t, await ask(port, request(engine, { headers: FOREIGN })), 403, `${about}, polling`)
      isSentence(t, await ask(port, upgradeRequest(engine, FOREIGN)), 403, `${about}, WebSocket`)
      const post = await ask(port, request(engine, { method: 'POST', headers: FOREIGN, body: '4x' }))
      isSentence(t, post, 403, `${about}, a POST`)
    }
    const named = await ask(port, request(path, { headers: { Origin: APP } }))
    t.match(named, {
      status: 200,
      headers: {
        'access-control-allow-origin': APP,
        'access-control-allow-credentials': 'true',
        vary: 'Origin',
      },
    })
    t.equal((await ask(port, upgradeRequest(path, { Origin: APP }))).status, 101)
    const same = await ask(port, request(path, { headers: { Origin: 'http://test' } }))
    t.equal(same.status, 200)
    t.notOk('access-control-allow-origin' in same.headers, 'the same host needs no leave')
    t.equal((await ask(port, request(path))).status, 200, 'no page at all')
  }
  t.equal(edges.workers[1]!.links.upgraded.length, 1)
  t.same(edges.errors, [])
})

t.test('the question before a request', async (t) => {
  const edges = await startEdges(2, { origin: APP })
  t.teardown(() => edges.close())
  const { port, edge } = edges.workers[0]!
  const path = `/api/${edges.segment(1)}/?EIO=4&limpet=1`
  const preflight = (origin: string) =>
    request(path, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'x-token',
      },
    })
  const yes = await ask(port, preflight(APP))
  t.equal(yes.status, 204)
  t.match(yes.headers, {
    'access-control-allow-origin': APP,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'x-token',
  })
  t.equal(yes.body.length, 0)
  isSentence(t, await ask(port, preflight('http://test')), 403, 'not on the list')
  t.equal(edge.counters.forwarded, 0, 'needs no owner')
})

t.test('whose word about the address is believed', async (t) => {
  const chain = { 'X-Forwarded-For': '192.0.2.1', 'X-Limpet-Address': '6.6.6.6' }
  for (const [trustProxy, address] of [
    ['none', '127.0.0.1'],
    ['10.0.0.0/8', '127.0.0.1'],
    ['loopback', '192.0.2.1'],
  ] as const) {
    const edges = await startEdges(2, { trustProxy })
    t.teardown(() => edges.close())
    for (const slot of [0, 1]) {
      const path = `/api/${edges.segment(slot)}/?limpet=1`
      const { body } = await ask(edges.workers[0]!.port, request(path, { headers: chain }))
      t.match(JSON.parse(body.toString()), { slot, address }, `${trustProxy}, slot ${slot}`)
    }
  }
})

t.test('handshakes of one address, too fast: counted where the link would be', async (t) => {
  const edges = await startEdges(2, { handshakesPerAddress: 3 })
  t.teardown(() => edges.close())
  for (const [front, owner, query] of [
    [0, 0, 'limpet=1'],
    [0, 1, ''],
  ] as const) {
    const { port } = edges.workers[front]!
    const path = `/api/${edges.segment(owner)}/?EIO=4&${query}`
    for (const head of [request(path), upgradeRequest(path), request(path)])
      t.ok([101, 200].includes((await ask(port, head)).status))
    for (const head of [request(path), upgradeRequest(path)]) {
      const refused = await ask(port, head)
      isSentence(t, refused, 429, 'the fourth')
      t.equal(refused.headers['retry-after'], '1')
    }
    t.equal((await ask(port, request(`${path}&sid=x`))).status, 200, 'links that are known go on')
  }
  t.same(edges.errors, [])
})

nothingLeft(t)
