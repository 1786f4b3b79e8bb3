import t from 'tap'
import { FieldReader, FieldWriter } from '../../lib/bus/fields.ts'
import { Frame } from '../../lib/wire/frames.ts'
import { type JournalRecord, readRecord, writeRecord } from '../../lib/worker/journal-codec.ts'

const through = (...records: JournalRecord[]): (JournalRecord | null)[] => {
  const out = new FieldWriter()
  const seen = new Map<Frame, number>()
  for (const record of records) writeRecord(out, record, seen)
  const bytes = new FieldReader(Buffer.from(out.written))
  const frames: Frame[] = []
  const read = records.map(() => readRecord(bytes, frames))
  t.ok(bytes.done)
  return read
}

t.test('every kind of value comes back as it was', async (t) => {
  const records: JournalRecord[] = [
    {
      type: 'opened',
      session: 'ß',
      keyHash: '',
      segment: 's',
      address: '::1',
      data: { a: [1, { b: null }] },
    },
    { type: 'handled', session: 's', number: 2 ** 53 - 1, crc: 2 ** 32 - 1 },
    { type: 'sent', session: 's', frame: new Frame('e["x","héllo 😀"]') },
    { type: 'sent', session: 's', frame: new Frame(new Uint8Array([101, 0, 255])) },
    { type: 'published', room: 'r', home: 3, data: '', except: ['a', 'b'], volatile: true },
    { type: 'published', room: 'r', home: 3, data: new Uint8Array(), except: [], volatile: false },
  ]
  t.same(through(...records), records)
})

t.test('data is frozen throughout', async (t) => {
  const [read] = through({ type: 'updated', session: 's', patch: { a: { b: [1] } } })
  const { patch } = read as Extract<JournalRecord, { type: 'updated' }>
  t.throws(() => (patch.a as { b: number[] }).b.push(2), TypeError)
})

t.test('a frame in many outboxes is written once, and is one object again', async (t) => {
  const shared = new Frame(`e["x","${'x'.repeat(1000)}"]`)
  const peer = (slot: number, frames: Frame[]): JournalRecord => ({
    type: 'peer',
    ...{ slot, received: 0, receivedCheck: 0, epoch: '', base: 0, baseCheck: 0, frames },
  })
  const out = new FieldWriter()
  const seen = new Map<Frame, number>()
  for (let slot = 0; slot < 10; slot++) writeRecord(out, peer(slot, [shared, shared]), seen)
  t.ok(out.size < 1300, `${out.size} bytes`)
  const read = through(peer(1, [shared]), peer(2, [new Frame('other'), shared])) as Extract<
    JournalRecord,
    { type: 'peer' }
  >[]
  t.equal(read[0]!.frames[0], read[1]!.frames[1])
  t.equal(read[1]!.frames[0]!.data, 'other')
})

t.test('what is no record: null, never a throw', async (t) => {
  const out = new FieldWriter()
  writeRecord(
    out,
    { type: 'opened', session: 's', keyHash: 'k', segment: 's', address: 'a', data: { a: 1 } },
    null,
  )
  const bytes = Buffer.from(out.written)
  for (let end = 0; end < bytes.length; end++)
    t.equal(readRecord(new FieldReader(bytes.subarray(0, end)), null), null)
  for (const code of [0, 63, 255]) t.equal(readRecord(new FieldReader(Buffer.from([code, 0, 0])), null), null)
  const json = Buffer.from(bytes)
  json[json.length - 1] = 0x78
  t.equal(readRecord(new FieldReader(json), null), null, 'no JSON')
})
