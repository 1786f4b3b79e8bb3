import t from 'tap'
import { FaultLog } from '../../lib/worker/fault-log.ts'

const MINUTE = 60_000

function setUp() {
  const lines: { readonly err: unknown; readonly again?: number; readonly words: string }[] = []
  const clock = { now: 5 }
  const log = { error: (fields: { err: unknown }, words: string) => void lines.push({ ...fields, words }) }
  return { lines, clock, faults: new FaultLog(log as never, () => clock.now) }
}

/** Of one place in the code, whatever it says. */
const bad = (token: string) => new Error(`the token is bad: ${token}`)
const broken = () => new TypeError('x is not a function')

t.test('the same fault once a minute, with how often; another one at once', async (t) => {
  const { lines, clock, faults } = setUp()
  for (let i = 0; i < 1000; i++) faults.fault(bad(`token ${i}`), 'server.use failed')
  t.equal(lines.length, 1)
  t.match(lines[0], { err: { message: 'the token is bad: token 0' }, words: 'server.use failed' })
  t.notOk('again' in lines[0]!)
  faults.fault(broken(), 'server.use failed')
  t.match(lines[1], { err: { message: 'x is not a function' } }, 'a real bug never hides')
  faults.fault(bad('x'), 'something else failed')
  t.equal(lines.length, 3)
  clock.now += MINUTE
  faults.fault(bad('later'), 'server.use failed')
  t.match(lines[3], { err: { message: 'the token is bad: later' }, again: 999 })
  clock.now += MINUTE
  faults.fault(bad('again'), 'server.use failed')
  t.equal(lines.length, 5)
  t.notOk('again' in lines[4]!, 'it happened once')
})

t.test('whatever is thrown', async (t) => {
  const { lines, faults } = setUp()
  const stackless = Object.assign(new Error('a'), { stack: undefined })
  for (const error of ['text', 'other text', null, undefined, stackless, { stack: 1 }, Object.create(null)])
    faults.fault(error, 'failed')
  t.equal(lines.length, 4, 'a text, null and objects, undefined, an error without a stack')
})

t.test('so many that one must be forgotten', async (t) => {
  const { lines, faults } = setUp()
  for (let i = 0; i < 101; i++) faults.fault('x', `fault ${i}`)
  faults.fault('x', 'fault 100')
  t.equal(lines.length, 101)
  faults.fault('x', 'fault 0')
  t.equal(lines.length, 102, 'logged anew')
})
