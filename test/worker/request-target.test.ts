import fc from 'fast-check'
import t from 'tap'
import { requestTargetOf } from '../../lib/worker/request-target.ts'
import { seeded } from '../support/seed.ts'

const STARTS = ['', '/api/', '/api/abc', '/api/abc/?', '/api/?']
const NASTY = ['/', '//', '\\', 'http://', '/api/', '?', '#', '%', '%00', 'sid=1-a', '&', '..', '[', ':', '@']

/** Texts with what URLs are made of in unlikely places. */
function targets(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const pieces = fc.array(fc.oneof(fc.constantFrom(...NASTY), text), { maxLength: 6 })
  return fc.tuple(fc.constantFrom(...STARTS), pieces).map(([start, rest]) => start + rest.join(''))
}

t.test('never throws, whatever the text', async (t) => {
  const seed = seeded(t).seed | 0
  const any = targets(fc.string({ unit: 'binary', maxLength: 8 }))
  fc.assert(
    fc.property(any, (target) => {
      const found = requestTargetOf(target, '/api/')
      if (found.kind === 'link') new URL(found.url, 'https://x')
    }),
    { seed, numRuns: 3000 },
  )
})

t.test('routes by the same query that engine.io would read', async (t) => {
  const seed = seeded(t).seed | 0
  // Node's parser lets nothing else through; URL trims control characters, which would be a difference.
  const printable = fc
    .string({ unit: 'grapheme-ascii', maxLength: 8 })
    .map((text) => text.replaceAll(' ', '+'))
  let links = 0
  fc.assert(
    fc.property(targets(printable), (target) => {
      const found = requestTargetOf(target, '/api/')
      if (found.kind !== 'link') return
      links++
      const url = new URL(found.url, 'https://x')
      if (url.host !== 'x' || !url.pathname.startsWith('/api/')) throw new Error(found.url)
      const query = Object.fromEntries(url.searchParams)
      if (query.limpet !== found.query.limpet || query.sid !== found.query.sid) throw new Error(found.url)
    }),
    { seed, numRuns: 3000 },
  )
  t.ok(links > 300, `${links} of them were links`)
})

t.test('with and without the last slash', async (t) => {
  const abc = { kind: 'link', segment: 'abc', slot: null, url: '/api/abc/?EIO=4' }
  t.match(requestTargetOf('/api/abc/?EIO=4', '/api/'), abc)
  t.match(requestTargetOf('/api/abc?EIO=4', '/api/'), abc)
  t.match(requestTargetOf('/api?sid=3-x', '/api/'), { kind: 'link', segment: '', slot: 3 })
  t.match(requestTargetOf('/a/b/c', '/a/b/'), { kind: 'link', segment: 'c' })
  t.match(requestTargetOf('/apix/abc', '/api/'), { kind: 'page' })
})
