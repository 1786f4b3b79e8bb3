import t from 'tap'
import { DIALECTS } from './dialects.ts'
import { LARGE } from './frame-reader.ts'
import { payloadOf, readPayload } from './payload.ts'

t.test('100 characters that come back as what they said', async (t) => {
  const said = { sender: 1234, number: 56_789, at: 987_654.321 }
  const payload = payloadOf(said)
  t.equal(payload.length, 100)
  t.same(readPayload(Buffer.from(`abc${payload}`), 3), said)
  t.throws(() => readPayload(Buffer.from(payload), 95), /no payload/)
})

t.test('a delivery is large, and all else that a server says while members count is not', async (t) => {
  const payload = payloadOf({ sender: 1, number: 1, at: 1 })
  for (const [name, { saidAt }] of Object.entries(DIALECTS)) t.ok(saidAt + payload.length >= LARGE, name)
  for (const text of ['2', '4r9007199254740991', '4a[1000000,true]', '430[]']) t.ok(text.length < LARGE, text)
})

t.test('limpet counts events, answers and questions, and nothing else', async (t) => {
  const is = (text: string): boolean => DIALECTS.limpet.counts!.is(Buffer.from(text))
  t.same(['4e["said"]', '4a[1,true]', '4q["x"]'].map(is), [true, true, true])
  t.same(['4r64', '2', '4v["x"]', '4d1500'].map(is), [false, false, false, false])
})
