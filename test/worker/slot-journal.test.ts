import fs from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { apply } from '../../lib/worker/apply.ts'
import { memoryOnly } from '../../lib/worker/journal.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { recover } from '../../lib/worker/recovery.ts'
import { JournalError, openSlotJournal, type SlotJournalSetup } from '../../lib/worker/slot-journal.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { StateClock } from '../../lib/worker/state-clock.ts'
import { frame } from '../support/applied.ts'
import { digestOf } from '../support/state-digest.ts'

const LIMITS = {
  outboxBytes: 10_000,
  history: 5,
  historyBytes: 1000,
  historyAgeMs: 0,
  emptyRooms: 5,
  emptyRoomsBytes: 10_000,
}
const WARN = 40
const ERROR = 50

const root = t.testdir()

/** A directory of a generation, with these files. */
function generation(files: Record<string, Uint8Array> = {}): string {
  const directory = fs.mkdtempSync(join(root, 'generation-'))
  for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(join(directory, name), bytes)
  return directory
}

const isJournalError = (error: unknown): boolean => error instanceof JournalError

/** A slot's journal over these files. A lock is held as long as the process lives: each time it is another directory. */
async function open(
  files: Record<string, Buffer> = {},
  setup: Partial<SlotJournalSetup> = {},
  limits = LIMITS,
) {
  const directory = generation(files)
  const logged: { level: number; msg: string }[] = []
  const changes: boolean[] = []
  const state = new WorkerState(0, limits)
  const clock = setup.clock ?? new StateClock()
  const opened = await openSlotJournal({
    directory,
    slot: 0,
    state,
    clock,
    fsync: false,
    onFailure: 'memory',
    log: pino({ base: null }, { write: (line) => void logged.push(JSON.parse(line)) }),
    changed: (failing) => void changes.push(failing),
    ...setup,
  })
  const turn = (...records: StateRecord[]): void => {
    for (const record of records) apply(state, record)
    opened.journal.write(records)
  }
  const path = join(directory, 'slot-0.log')
  return { ...opened, directory, path, state, clock, logged, changes, turn }
}

const session = (id: string): StateRecord => ({
  type: 'opened',
  session: id,
  keyHash: `hash-${id}`,
  segment: 'seg',
  address: 'addr',
  data: {},
})
const sent = (id: string, size = 10): StateRecord => ({ type: 'sent', session: id, frame: frame(size) })
const said = (room: string): StateRecord => ({ type: 'ordered', room, frame: frame(), except: [], at: 1 })

/** Two sessions in two turns. */
async function written() {
  const made = await open()
  made.turn(session('ann'), sent('ann'))
  made.turn(session('bob'), said('r'))
  const end = fs.statSync(made.path).size
  const bytes = fs.readFileSync(made.path)
  return { ...made, end, bytes }
}

t.test('memory only', async (t) => {
  const { journal, epoch, damaged, directory } = await open({}, { directory: null })
  t.equal(journal, memoryOnly)
  t.notOk(damaged)
  t.same(fs.readdirSync(directory), [])
  t.not((await open({}, { directory: null })).epoch, epoch)
})

t.test('the next process goes on behind the last turn, with the same memory', async (t) => {
  const first = await written()
  t.equal(fs.statSync(first.path).mode & 0o777, 0o600)
  const next = await open({ 'slot-0.log': first.bytes })
  t.same(digestOf(next.state), digestOf(first.state))
  t.equal(next.epoch, first.epoch)
  t.notOk(next.damaged)
  t.equal(fs.statSync(next.path).size, first.end, 'no new file')
  t.match(next.logged, [{ msg: 'the journal was read', sessions: 2, rooms: 1, bytes: first.end }])
  next.turn(session('eve'))
  t.ok(fs.statSync(next.path).size > first.end)
  const third = await open({ 'slot-0.log': fs.readFileSync(next.path) })
  t.same([...third.state.sessions.keys()], ['ann', 'bob', 'eve'])
})

t.test('its time goes on, too', async (t) => {
  const clock = new StateClock()
  const moment = clock.moment()
  clock.goOn({ ...moment, time: moment.time + 1e9 }, 0)
  const first = await open({}, { clock })
  first.turn(session('ann'))
  const next = await open({ 'slot-0.log': fs.readFileSync(first.path) })
  const ahead = next.clock.now() - moment.time
  t.ok(ahead >= 1e9 && ahead < 1e9 + 60_000, `${ahead} ms`)
})

t.test('held by another process: waits, then says so in one sentence', async (t) => {
  const { directory, path } = await open()
  const before = fs.readFileSync(path)
  const began = performance.now()
  const refused = await open({}, { directory, lockMs: 60 }).catch((error: unknown) => error)
  t.ok(isJournalError(refused))
  t.match(refused, { message: 'slot 0 of the journal is held by another process' })
  t.ok(performance.now() - began >= 60)
  t.same(fs.readFileSync(path), before)
  const other = await open({}, { directory, slot: 1 })
  t.same(fs.readdirSync(directory).sort(), ['slot-0.log', 'slot-1.log'], 'another slot is another one')
  t.equal(other.state.slot, 0)
})

t.test('a turn that was not written to its end: nothing of it had left', async (t) => {
  const first = await written()
  const next = await open({ 'slot-0.log': first.bytes.subarray(0, first.end - 1) })
  t.same([...next.state.sessions.keys()], ['ann'])
  t.equal(next.epoch, first.epoch)
  t.notOk(next.damaged)
  t.match(
    next.logged.filter(({ level }) => level >= WARN),
    [{ level: WARN, msg: /not written to its end/ }],
  )
  t.same(fs.readdirSync(next.directory), ['slot-0.log'])
  next.turn(session('eve'))
  const third = await open({ 'slot-0.log': fs.readFileSync(next.path) })
  t.same([...third.state.sessions.keys()], ['ann', 'eve'])
})

t.test('damaged: a copy is kept, the intact part goes on under another name', async (t) => {
  const first = await written()
  const bytes = Buffer.from(first.bytes)
  bytes[first.end - 3]! ^= 1
  const next = await open({ 'slot-0.log': bytes })
  t.same([...next.state.sessions.keys()], ['ann'])
  t.ok(next.damaged)
  t.not(next.epoch, first.epoch, 'its peers begin again with it')
  t.match(
    next.logged.filter(({ level }) => level >= WARN),
    [{ level: ERROR, msg: /damaged.*a copy was kept/ }],
  )
  t.same(fs.readFileSync(`${next.path}.damaged`), bytes)
  const third = await open({ 'slot-0.log': fs.readFileSync(next.path) })
  t.notOk(third.damaged)
  t.equal(third.epoch, next.epoch)
  t.same([...third.state.sessions.keys()], ['ann'])
})

t.test('half a checkpoint: nothing fits together, and the server starts all the same', async (t) => {
  const first = await written()
  const { state } = first
  const whole = await open({ 'slot-0.log': first.bytes }, {}, { ...LIMITS, history: 4 })
  t.equal(recover(whole.path, new WorkerState(0, LIMITS)).kind, 'recovered')
  const bytes = fs.readFileSync(whole.path)
  bytes[bytes.length - 20]! ^= 1
  const next = await open({ 'slot-0.log': bytes })
  t.ok(next.damaged)
  t.equal(next.state.sessions.size, 0)
  t.equal(state.sessions.size, 2)
  t.same(fs.readFileSync(`${next.path}.damaged`), bytes)
})

t.test('not ours: an error in one sentence, and it is left alone', async (t) => {
  for (const content of ['limpet journal 2\nx', 'something else']) {
    const directory = generation({ 'slot-0.log': Buffer.from(content) })
    t.ok(isJournalError(await open({}, { directory }).catch((error: unknown) => error)))
    t.equal(fs.readFileSync(join(directory, 'slot-0.log'), 'utf8'), content)
  }
})

t.test('with other limits a fresh file begins', async (t) => {
  const first = await written()
  for (const room of ['s', 't', 'u']) first.turn(said(room))
  const limits = { ...LIMITS, outboxBytes: 20, emptyRooms: 2 }
  const next = await open({ 'slot-0.log': fs.readFileSync(first.path) }, {}, limits)
  t.equal(next.epoch, first.epoch, 'the memory is the same')
  t.equal(next.state.limits.outboxBytes, 20)
  t.same([...next.state.homes.keys()], ['t', 'u'], 'less is remembered')
  next.turn(sent('bob', 15), sent('bob', 15))
  t.equal(next.state.overflowed.length, 1)
  const third = new WorkerState(0, LIMITS)
  const recovery = recover(next.path, third)
  t.match(recovery, { kind: 'recovered', about: { limits, epoch: first.epoch }, tail: 'clean' })
  t.same(digestOf(third), digestOf(next.state), 'the turns come to what they came to')
})

t.test('a start that has to write and cannot', async (t) => {
  const { bytes } = await written()
  const other = { ...LIMITS, history: 3 }
  /** Leads nowhere: what is written beside the file fails once. */
  const blocked = (): string => {
    const directory = generation({ 'slot-0.log': bytes })
    fs.symlinkSync('/nowhere/at/all', join(directory, 'slot-0.log.new'))
    return directory
  }
  const stops = open({}, { directory: blocked(), onFailure: 'stop' }, other)
  const refused = await stops.catch((error: unknown) => error)
  t.ok(isJournalError(refused))
  t.match(refused, { message: /^the journal cannot be written: ENOENT/ })

  const directory = blocked()
  const { changes, logged, state, turn, journal } = await open({}, { directory }, other)
  t.same(changes, [true])
  t.match(
    logged.filter(({ level }) => level >= WARN),
    [{ level: ERROR, msg: /sessions go on in memory/ }],
  )
  t.equal(state.sessions.size, 2)
  t.same(fs.readdirSync(directory), [], 'none rather than a stale one')
  turn(session('eve'))
  journal.close()
  const next = await open({ 'slot-0.log': fs.readFileSync(join(directory, 'slot-0.log')) }, {}, other)
  t.same([...next.state.sessions.keys()], ['ann', 'bob', 'eve'], 'an orderly end writes what it can')
})
