/** The key of a session: it is what takes it over, nothing else does, and it is written down nowhere. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer, connect as dial } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectIn } from '../../lib/client/client.ts'
import { surroundings } from '../../lib/client/surroundings.ts'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { openLink, PeerSession } from '../support/peer.ts'
import { ask, request, upgradeRequest } from '../support/raw.ts'
import { until } from '../support/until.ts'

/** Passes all on, and keeps the heads of what clients ask. */
async function listener(t: Test, cluster: Cluster): Promise<{ url: string; heads: string[] }> {
  const heads: string[] = []
  const server = createServer((socket) => {
    const upstream = dial(cluster.port, '127.0.0.1')
    for (const end of [socket, upstream]) end.on('error', () => end.destroy())
    socket.on('data', (chunk) => {
      for (const [head] of chunk.toString('latin1').matchAll(/^(GET|POST|OPTIONS) [\s\S]*?\r\n\r\n/gm))
        heads.push(head)
    })
    socket.pipe(upstream).pipe(socket)
    t.teardown(() => socket.destroy())
    t.teardown(() => upstream.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heads }
}

t.test('keys', async (t) => {
  const cluster = await startCluster(t, { app: 'field', args: ['--log-level', 'trace'] })
  const keys: string[] = []
  const said: string[] = []

  await t.test('are in no URL and no head', async (t) => {
    const { url, heads } = await listener(t, cluster)
    for (const transport of ['websocket', 'polling'] as const) {
      const tokens: string[] = []
      const newToken = (): string => {
        tokens.push(surroundings.newToken())
        return tokens.at(-1)!
      }
      const client = connectIn({ ...surroundings, newToken }, url, {
        transports: [transport],
        segment: cluster.segmentOn(0),
      })
      await client.emitWithAck('diary', '')
      client.close()
      await until(() => client.state === 'closed')
      // The first names the page, and is no secret.
      keys.push(...tokens.slice(1))
    }
    t.equal(keys.length, 2)
    t.ok(heads.length >= 4)
    t.notOk(heads.some((head) => keys.some((key) => head.includes(key))))
  })

  await t.test('nothing else takes a session', async (t) => {
    const victim = new PeerSession(cluster.segmentOn(0))
    const link = await openLink(cluster.url, victim, 'websocket')
    await link.enter()
    keys.push(victim.key)
    // All that others may know or guess of it.
    const known = { id: victim.id, instance: victim.instance }
    const near = `${victim.key.slice(0, -1)}${victim.key.endsWith('A') ? 'B' : 'A'}`
    for (const key of [near, victim.id!, victim.instance, 'x']) {
      const thief = await openLink(cluster.url, new PeerSession(victim.segment), 'websocket')
      thief.hello({ ...known, key, attempt: 1000 })
      const { gone } = await thief.next('gone')
      t.equal(gone.code, 'session_unknown')
      said.push(JSON.stringify(gone))
      thief.close()
    }
    const number = link.question('diary', victim.id)
    const { result } = await link.next('answer')
    t.same(result, { ok: true, value: [[victim.id, 'open', null]] }, `${number}: undisturbed`)

    // With it anybody does.
    const heir = await openLink(cluster.url, victim, 'polling')
    await heir.enter({ instance: 'another' })
    const { close } = await link.next('close')
    t.equal(close.code, 'taken_over')
    said.push(JSON.stringify(close))
    heir.close()
  })

  await t.test('and no error tells them', async () => {
    const segment = cluster.segmentOn(1)
    const lies = [
      { version: 9 },
      { received: 5 },
      { id: 'unknown' },
      { auth: { refuse: true } },
      { auth: { crash: true } },
    ]
    for (const lie of lies) {
      const session = new PeerSession(segment)
      keys.push(session.key)
      const link = await openLink(cluster.url, session, 'websocket')
      link.hello(lie)
      const answer = await Promise.race(
        [link.next('close'), link.next('gone')].map((p) => p.catch(() => null)),
      )
      said.push(JSON.stringify(answer))
      link.close()
    }
    for (const text of ['h{"version":1,"key":"KEY"', 'h{"key":"KEY"}', 'e["KEY"]', 'KEY', '\u001eKEY']) {
      const session = new PeerSession(segment)
      keys.push(session.key)
      const link = await openLink(cluster.url, session, 'websocket')
      link.sayRaw(text.replace('KEY', session.key))
      said.push(JSON.stringify((await link.next('close')).close))
    }
    // Where a broken client might put it.
    const { key } = new PeerSession()
    keys.push(key)
    for (const ask_ of [request, upgradeRequest])
      said.push((await ask(cluster.port, ask_(`/api/a/?EIO=3&limpet=1&key=${key}`))).body.toString())
  })

  const found = (text: string): string[] => keys.filter((key) => text.includes(key))
  t.same(found(said.join('\n')), [], 'nothing that was answered')
  await cluster.crash()
  t.ok(cluster.log().length > 10)
  t.same(found(cluster.stderr + cluster.stdout), [], 'nothing that was logged')
  for (const name of readdirSync(cluster.journal, { recursive: true, withFileTypes: true }))
    if (name.isFile()) t.same(found(readFileSync(join(name.parentPath, name.name), 'latin1')), [], name.name)
  await cluster.kill()
})

nothingLeft(t)
