import t from 'tap'
import { networkOf, PerAddress, plainAddress } from '../lib/addresses.ts'

t.test('one IPv4 address, one IPv6 network', async (t) => {
  t.equal(plainAddress('::ffff:10.0.0.1'), '10.0.0.1')
  t.equal(plainAddress('::FFFF:10.0.0.1'), '10.0.0.1')
  t.equal(plainAddress('2001:db8::1'), '2001:db8::1')
  const same: [string, string][] = [
    ['10.0.0.1', '::ffff:10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::1'],
    ['2001:DB8:1:2::1', '2001:0db8:0001:0002:ffff::'],
    ['2001:db8::1', '2001:db8:0:0:9::1'],
    ['::1', '0:0:0:0:0:0:0:2'],
  ]
  for (const [a, b] of same) t.equal(networkOf(a), networkOf(b), `${a} and ${b}`)
  const others: [string, string][] = [
    ['10.0.0.1', '10.0.0.2'],
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['2001:db8::1', '2001:db8:0:1::1'],
    ['::1', '127.0.0.1'],
  ]
  for (const [a, b] of others) t.not(networkOf(a), networkOf(b), `${a} and ${b}`)
  for (const odd of ['', ':', '::', 'unknown', '1:2:3:4:5:6:7:8:9', '::ffff:x'])
    t.doesNotThrow(() => networkOf(odd))
})

t.test('what each address holds', async (t) => {
  const links = new PerAddress(2)
  const [first] = [links.hold('10.0.0.1'), links.hold('::ffff:10.0.0.1')]
  t.ok(links.isFull('10.0.0.1'))
  t.notOk(links.isFull('10.0.0.2'))
  first!()
  first!()
  t.notOk(links.isFull('10.0.0.1'))
  links.hold('10.0.0.1')
  t.ok(links.isFull('10.0.0.1'), 'given back once')
  const none = new PerAddress(0)
  none.hold('10.0.0.1')
  t.notOk(none.isFull('10.0.0.1'))
  t.equal(none.size, 0)
})

t.test('nothing is left of addresses that hold nothing', async (t) => {
  const links = new PerAddress(5)
  const give = Array.from({ length: 1000 }, (_, i) => links.hold(`10.0.${i >> 8}.${i & 255}`))
  t.equal(links.size, 1000)
  for (const back of give) back()
  t.equal(links.size, 0)
})
