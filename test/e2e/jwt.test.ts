/** The README's application that admits by tokens, as it stands there. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { type Client, connect } from '../../lib/client/index.ts'
import { startCluster } from '../support/cluster.ts'
import { startIssuer } from '../support/jwt.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { ROOT } from '../support/root.ts'

/** Where `limpet` and `jose` are found, and nothing is kept. */
const APP = join(ROOT, 'dist/test/e2e/jwt-app.js')
const CLAIMS = { iss: 'https://id.example', aud: 'chat', sub: 'ann' }

function isInstalled(): boolean {
  try {
    createRequire(APP).resolve('jose')
    return true
  } catch {
    return false
  }
}

/** @param issuer whose keys it asks for */
function writeApp(issuer: string): void {
  const blocks = readFileSync(join(ROOT, 'README.md'), 'utf8').match(/^ *```js\n[\s\S]*?```/gm) ?? []
  const [block, ...others] = blocks.filter((block) => block.includes("from 'jose'"))
  if (!block || others.length > 0) throw new Error('the README has no such example, or several')
  const code = block.trim().replace(/^```js\n|```$/g, '')
  const url = /https:\/\/id\.example\/[^']+/
  if (!url.test(code)) throw new Error('the example asks nobody for keys')
  const told = "server.on('session', (session) => session.on('who', () => session.data.user))\n"
  writeFileSync(APP, code.replace(url, issuer).replace('server.use(', `${told}server.use(`))
}

t.test('tokens', { skip: isInstalled() ? false : 'jose is not installed' }, async (t) => {
  const issuer = await startIssuer()
  t.teardown(() => issuer.stop())
  writeApp(issuer.url)
  t.teardown(() => rmSync(APP))
  const cluster = await startCluster(t, { app: '../../../dist/test/e2e/jwt-app', workers: 1 })
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
