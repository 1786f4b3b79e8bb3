import t from 'tap'
import { corsHeaders, Origins, preflightHeaders } from '../../lib/worker/origins.ts'

t.test('the same host, whatever the scheme', async (t) => {
  const origins = new Origins('same')
  const same: [string | undefined, string | undefined][] = [
    [undefined, 'a.example'],
    [undefined, undefined],
    ['https://a.example', 'a.example'],
    ['https://A.example', 'a.EXAMPLE'],
    ['http://a.example:8080', 'a.example:8080'],
    ['https://a.example', 'a.example:443'],
    ['http://[::1]:8080', '[::1]:8080'],
  ]
  for (const [origin, host] of same) t.equal(origins.judge(origin, host), 'same', `${origin} at ${host}`)
  const foreign: [string, string | undefined][] = [
    ['https://a.example', 'b.example'],
    ['https://a.example', undefined],
    ['https://a.example:8080', 'a.example'],
    ['https://a.example', 'a.example:80'],
    ['https://a.example', 'x.a.example'],
    ['https://a.example.evil', 'a.example'],
    ['https://evil/a.example', 'a.example'],
    ['https://a.example, https://evil', 'a.example'],
    ['ftp://a.example', 'a.example'],
    ['null', 'null'],
    ['', ''],
    ['http://', ''],
  ]
  for (const [origin, host] of foreign)
    t.equal(origins.judge(origin, host), 'foreign', `${origin} at ${host}`)
})

t.test('a list is exact', async (t) => {
  const named = new Origins('https://App.example,capacitor://localhost,null')
  t.equal(named.judge('https://app.example', 'api.example'), 'named')
  t.equal(named.judge('capacitor://localhost', 'api.example'), 'named')
  t.equal(named.judge('null', 'api.example'), 'named')
  t.equal(named.judge('https://api.example', 'api.example'), 'foreign', 'the same host is not on it')
  t.equal(named.judge('http://app.example', 'api.example'), 'foreign')
  t.equal(named.judge(undefined, 'api.example'), 'same', 'no page at all')
  const both = new Origins('same,https://app.example')
  t.equal(both.judge('https://app.example', 'api.example'), 'named')
  t.equal(both.judge('https://api.example', 'api.example'), 'same')
  t.equal(both.judge('*', 'api.example'), 'foreign')
  t.equal(new Origins('*').judge('https://evil', 'api.example'), 'any')
})

t.test('what the browser is told', async (t) => {
  t.same(corsHeaders('same', 'https://a'), {})
  t.same(corsHeaders('foreign', 'https://a'), {})
  t.same(corsHeaders('any', 'https://a'), { 'Access-Control-Allow-Origin': '*' }, 'and no cookies with that')
  t.match(corsHeaders('named', 'https://a'), { 'Access-Control-Allow-Origin': 'https://a', Vary: 'Origin' })
  t.match(preflightHeaders('named', 'https://a', 'x-token'), {
    'Access-Control-Allow-Origin': 'https://a',
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': 'x-token',
  })
  t.notOk('Access-Control-Allow-Headers' in preflightHeaders('any'))
})
