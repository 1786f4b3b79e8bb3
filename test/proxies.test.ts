import t from 'tap'
import { isProxyList, Proxies } from '../lib/proxies.ts'

t.test('lists', async (t) => {
  for (const good of [
    'none',
    'loopback',
    '10.0.0.1',
    '10.0.0.0/8,loopback',
    '2001:db8::/32',
    '::1',
    '0.0.0.0/0',
  ])
    t.ok(isProxyList(good), good)
  for (const bad of [
    '',
    'none,loopback',
    '10.0.0',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.1, ::1',
    'proxy.example',
    '10.0.0.0/',
    'all',
  ])
    t.notOk(isProxyList(bad), bad)
})

t.test('who is trusted', async (t) => {
  const proxies = new Proxies('loopback,10.1.0.0/16,2001:db8::/32,192.168.0.7')
  for (const address of [
    ...['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '10.1.255.255', '::ffff:10.1.0.1'],
    ...['2001:db8:ffff::1', '192.168.0.7'],
  ])
    t.ok(proxies.trusts(address), address)
  for (const address of ['10.2.0.1', '128.0.0.1', '::2', '2001:db9::1', '192.168.0.8', '', 'unknown', '10.1'])
    t.notOk(proxies.trusts(address), address)
  t.notOk(new Proxies('none').trusts('127.0.0.1'))
  t.ok(new Proxies('0.0.0.0/0').trusts('8.8.8.8'))
})

t.test('the client is the last in the chain that is not trusted', async (t) => {
  const proxies = new Proxies('loopback,10.0.0.0/8')
  const chains: [peer: string, chain: string | undefined, client: string][] = [
    ['127.0.0.1', undefined, '127.0.0.1'],
    ['127.0.0.1', '', '127.0.0.1'],
    ['127.0.0.1', '1.2.3.4', '1.2.3.4'],
    ['::ffff:127.0.0.1', '1.2.3.4', '1.2.3.4'],
    ['127.0.0.1', '6.6.6.6, 1.2.3.4', '1.2.3.4'],
    ['127.0.0.1', '6.6.6.6, 1.2.3.4, 10.0.0.2', '1.2.3.4'],
    ['127.0.0.1', '10.0.0.3,10.0.0.2', '10.0.0.3'],
    ['127.0.0.1', '1.2.3.4:5678', '1.2.3.4'],
    ['127.0.0.1', '[2001:db8::1]:5678', '2001:db8::1'],
    ['127.0.0.1', '2001:db8::1', '2001:db8::1'],
    ['127.0.0.1', 'fe80::1%eth0', 'fe80::1'],
    ['127.0.0.1', '::ffff:1.2.3.4', '1.2.3.4'],
    ['127.0.0.1', '1.2.3.4, unknown', '127.0.0.1'],
    ['127.0.0.1', '1.2.3.4, _hidden, 10.0.0.2', '10.0.0.2'],
    ['127.0.0.1', '1.2.3.4,', '127.0.0.1'],
    ['127.0.0.1', ',,,', '127.0.0.1'],
    ['127.0.0.1', '1.2.3.4\u0000', '127.0.0.1'],
    ['9.9.9.9', '1.2.3.4', '9.9.9.9'],
    ['', '1.2.3.4', ''],
  ]
  for (const [peer, chain, client] of chains)
    t.equal(proxies.clientOf(peer, chain), client, JSON.stringify([peer, chain]))
  t.equal(new Proxies('none').clientOf('127.0.0.1', '1.2.3.4'), '127.0.0.1')
})
