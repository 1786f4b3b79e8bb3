/** The client's address behind proxies that are trusted: in the head of each request, or before the first. */
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial } from 'node:net'
import t, { type Test } from 'tap'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { nothingLeft } from '../support/nothing-left.ts'
import { openLink, PeerSession } from '../support/peer.ts'
import { ask, request } from '../support/raw.ts'
import { until } from '../support/until.ts'

/** Says `before`, then passes all on; `headers` come into each first head. */
async function proxy(t: Test, cluster: Cluster, before: string | Buffer, headers = ''): Promise<string> {
  const server = createServer((socket) => {
    const upstream = dial(cluster.port, '127.0.0.1')
    for (const end of [socket, upstream]) end.on('error', () => end.destroy())
    upstream.write(before)
    socket.once('data', (chunk) => {
      upstream.write(chunk.toString('latin1').replace('\r\n', `\r\n${headers}`), 'latin1')
      socket.pipe(upstream)
    })
    upstream.pipe(socket)
    t.teardown(() => socket.destroy())
    t.teardown(() => upstream.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function addressSeen(url: string, segment: string): Promise<unknown> {
  const link = await openLink(url, new PeerSession(segment), 'websocket')
  await link.enter()
  link.question('address')
  const { result } = await link.next('answer')
  link.close()
  return result.ok ? result.value : result.code
}

const VERSION_2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc00002090a00000112340050', 'hex')

t.test('proxies', async (t) => {
  const cluster = await startCluster(t, {
    app: 'field',
    args: ['--trust-proxy', 'loopback', '--connections-per-address', '2', '--log-level', 'debug'],
  })
  const segment = cluster.segmentOn(0)
  const ways: [how: string, before: string | Buffer, headers: string, address: string][] = [
    ['nothing', '', '', '127.0.0.1'],
    ['X-Forwarded-For', '', 'X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n', '192.0.2.7'],
    ['PROXY, version 1', 'PROXY TCP4 192.0.2.8 10.0.0.1 56324 80\r\n', '', '192.0.2.8'],
    ['PROXY, version 2', VERSION_2, '', '192.0.2.9'],
    ['PROXY of a client that claims more', VERSION_2, 'X-Forwarded-For: 6.6.6.6\r\n', '192.0.2.9'],
    ['PROXY of a client that claims a PROXY header', VERSION_2, 'X-Limpet-Address: 6.6.6.6\r\n', '192.0.2.9'],
    ['PROXY of a proxy', 'PROXY TCP6 ::1 ::1 1 2\r\n', 'X-Forwarded-For: 2001:db8::1\r\n', '2001:db8::1'],
  ]
  for (const [how, before, headers, address] of ways)
    t.equal(await addressSeen(await proxy(t, cluster, before, headers), segment), address, how)

  const malformed = await ask(cluster.port, `PROXY TCP4 nobody\r\n${request('/health')}`)
  t.match([malformed.status, malformed.body.toString()], [400, 'The PROXY header is malformed.'])

  // Limits count clients, not the proxy.
  const urls = [
    await proxy(t, cluster, VERSION_2),
    await proxy(t, cluster, '', 'X-Forwarded-For: 192.0.2.7\r\n'),
  ]
  const links = []
  for (const url of [...urls, ...urls]) {
    const link = await openLink(url, new PeerSession(segment), 'websocket')
    await link.enter()
    links.push(link)
  }
  await t.rejects(openLink(urls[0]!, new PeerSession(segment), 'websocket'))
  await until(() => cluster.log().some(({ msg }) => msg === 'Too many connections come from this address.'))
  for (const link of links) link.close()
  t.same(cluster.complaints(), [])
})

nothingLeft(t)
