/** The README's applications, as they stand there. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { startCluster } from '../support/cluster.ts'
import { startIssuer } from '../support/jwt.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ask, request } from '../support/raw.ts'
import { EXAMPLES, exampleOf, writeExample } from '../support/readme.ts'
import { stockClient } from '../support/socket-io-client.ts'

const CLAIMS = { iss: 'https://id.example', aud: 'chat', sub: 'ann' }

function isInstalled(): boolean {
  try {
    createRequire(join(EXAMPLES, 'x.js')).resolve('jose')
    return true
  } catch {
    return false
  }
}

/** @param issuer whose keys it asks for */
function tokensApp(issuer: string): string {
  const code = exampleOf("from 'jose'")
  const url = /https:\/\/id\.example\/[^']+/
  if (!url.test(code)) throw new Error('the example asks nobody for keys')
  const told = "server.on('session', (session) => session.on('who', () => session.data.user))\n"
  return code.replace(url, issuer).replace('server.use(', `${told}server.use(`)
}

t.test('a Socket.IO application, beside the first one', async (t) => {
  writeExample(t, 'readme-first', exampleOf("session.join('lobby')"))
  writeExample(t, 'readme-socket-io', exampleOf("from 'socket.io'"))
  const both = ['first', 'socket-io'].map((name, i) => `import app${i} from './readme-${name}.js'`).join('\n')
  const app = writeExample(
    t,
    'readme-both',
    `${both}\nexport default (server) => { app0(server); app1(server) }`,
  )
  const cluster = await startCluster(t, { app, workers: 2 })
  const handshake = await ask(
    cluster.port,
    request('/api/?EIO=4&transport=polling', { headers: { Origin: 'https://example.org' } }),
  )
  t.match(handshake, { status: 200, headers: { 'access-control-allow-origin': 'https://example.org' } })
  t.match(String(handshake.body), /"pingInterval":10000\b/)
  for (const path of ['/api', `/api/${crypto.randomUUID()}`]) {
    const client = stockClient(cluster.url, path)
    t.equal(await client.emitWithAck('echo', 'hello'), 'hello')
    client.close()
  }
  const client = connect(cluster.url, { auth: 'ann', transports: ['websocket'] })
  const said = new Promise((resolve) => client.on('said', (...args) => resolve(args)))
  t.equal(await client.emitWithAck('say', 'hello'), 'ok')
  t.same(await said, ['ann', 'hello'])
  client.close()
  t.same(cluster.complaints(), [])
})

t.test('tokens', { skip: isInstalled() ? false : 'jose is not installed' }, async (t) => {
  const issuer = await startIssuer()
  t.teardown(() => issuer.stop())
  const app = writeExample(t, 'readme-tokens', tokensApp(issuer.url))
  const cluster = await startCluster(t, { app, workers: 1 })
  const clientWith = (auth: unknown): Client => {
    const client = connect(cluster.url, { auth, transports: ['websocket'], reconnectDelayMs: 20 })
    t.teardown(() => client.close())
    return client
  }

  await t.test('while nobody can ask for keys, clients wait, and come again', async (t) => {
    let made = 0
    const client = clientWith(() => {
      made += 1
      if (made === 3) issuer.open = true
      return issuer.token(CLAIMS)
    })
    t.equal(await client.emitWithAck('who'), 'ann')
    t.equal(made, 3, 'a fresh token each time')
    t.equal(issuer.asked, 3)
  })

  await t.test('a bad token is refused for good', async (t) => {
    const good = issuer.token(CLAIMS)
    const bad: Readonly<Record<string, unknown>> = {
      'of yesterday': issuer.token({ ...CLAIMS, exp: 1 }),
      'for others': issuer.token({ ...CLAIMS, aud: 'mail' }),
      'of others': issuer.token({ ...CLAIMS, iss: 'https://evil.example' }),
      'signed by nobody': issuer.token(CLAIMS, { alg: 'none' }),
      'signed as if the key were a password': issuer.token(CLAIMS, { alg: 'HS256', kid: 'one' }),
      'signed by somebody else': `${good.slice(0, -8)}AAAAAAAA`,
      'that is none': { toString: 1 },
      absent: undefined,
    }
    const codes = Object.values(bad).map(
      (auth) => new Promise((resolve) => clientWith(auth).on('close', ({ code }) => resolve(code))),
    )
    t.strictSame(
      await Promise.all(codes),
      codes.map(() => 'refused'),
    )
    t.equal(issuer.asked, 3, 'the keys are known')
    t.equal(await clientWith(good).emitWithAck('who'), 'ann')
  })
  // A token that is an object without toString is no token to String(): the application's own fault, and logged.
  const faults = cluster.complaints()
  t.match(faults, [{ level: 50, msg: 'server.use failed' }])
  t.notMatch(cluster.stderr, issuer.token(CLAIMS).slice(0, 40), 'no token is logged')
})

nothingLeft(t)
