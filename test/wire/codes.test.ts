import t from 'tap'
import { CODES, type Code, isCode, LimpetError, type Retry, retryOf } from '../../lib/wire/codes.ts'

const names = Object.keys(CODES) as Code[]

t.test('every code has a number of its own in a range, and a sentence', async (t) => {
  t.equal(new Set(names.map((name) => CODES[name].number)).size, names.length)
  for (const name of names) {
    const { number, text } = CODES[name]
    t.match(name, /^[a-z]+(_[a-z]+)*$/)
    t.ok(Number.isInteger(number) && number >= 4000 && number < 4400, `${name}: ${number}`)
    t.match(text, /^[a-z].*[^.]$/, name)
    const { hint } = new LimpetError(name)
    t.match(hint, /^[a-z].*[^.]$/, name)
    t.equal(hint.startsWith('nothing: '), number < 4200, name)
  }
})

t.test('the range of a number is its policy', async (t) => {
  const policies: Retry[] = ['now', 'later', 'never', 'none']
  for (const name of names)
    t.equal(retryOf(name), policies[Math.floor((CODES[name].number - 4000) / 100)], name)
  const examples = {
    link_lost: 'now',
    outbox_overflow: 'now',
    shutting_down: 'later',
    taken_over: 'never',
    timeout: 'none',
  }
  for (const [name, policy] of Object.entries(examples)) t.equal(retryOf(name), policy, name)
})

t.test("an application's own code never brings a client back", async (t) => {
  for (const name of ['room_full', '', '4000', 'LINK_LOST', '__proto__', 'constructor', 'toString']) {
    t.notOk(isCode(name), name)
    t.equal(retryOf(name), 'never', name)
  }
  for (const value of [undefined, null, 4000, ['link_lost'], {}]) t.notOk(isCode(value))
})

t.test('LimpetError', async (t) => {
  const known = new LimpetError('busy')
  t.ok(known instanceof Error)
  t.match(known, { name: 'LimpetError', code: 'busy', retry: 'later', message: CODES.busy.text })
  t.match(new LimpetError('outbox_full').hint, /settled/)
  t.match(new LimpetError('busy', 'not now'), { code: 'busy', message: 'not now' })
  t.match(new LimpetError('no_tea'), {
    code: 'no_tea',
    retry: 'never',
    message: 'no_tea',
    hint: /application/,
  })
})
