/**
 * `node --import=tsx test/e2e/recovery-run.ts --sessions 10000 --records 1000000`: how large a journal is and how long it
 * takes to read, alone and as a worker that takes over. The journal is written by the real JournalFile, from records.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { apply } from '../../lib/worker/apply.ts'
import { JournalFile } from '../../lib/worker/journal-file.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { recover } from '../../lib/worker/recovery.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { StateClock } from '../../lib/worker/state-clock.ts'
import { Cluster } from '../support/cluster.ts'

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '10000' },
    records: { type: 'string', default: '1000000' },
    deliveries: { type: 'string', default: '20000000' },
  },
})
const SESSIONS = Number(values.sessions)
/** Unreceived frames of each session. */
const WAITING = 5
const MEMBERS = 100
const PER_TURN = 50
const LIMITS = {
  outboxBytes: 1_048_576,
  history: 100,
  historyBytes: 1_048_576,
  historyAgeMs: 0,
  emptyRooms: 1000,
  emptyRoomsBytes: 67_108_864,
}

const directory = mkdtempSync('/tmp/limpet-recovery-')
const token = (bytes: number): string => randomBytes(bytes).toString('base64url')

/** Writes a checkpoint only when it is told to: the turns in the file are all that there were. */
class EndlessFile extends JournalFile {
  due = false

  override checkpoint(): Error | null {
    return this.due ? super.checkpoint() : null
  }
}

/** A worker's memory and its journal, without the worker. */
class Written {
  readonly path: string
  readonly state = new WorkerState(0, LIMITS)
  readonly journal: EndlessFile
  readonly ids: string[] = []
  records = 0
  #batch: StateRecord[] = []

  constructor(path: string) {
    this.path = path
    const clock = new StateClock()
    this.journal = new EndlessFile({
      path,
      state: this.state,
      about: () => ({ ...clock.moment(), slot: 0, epoch: 'epoch', limits: LIMITS }),
      now: clock.now,
      fsync: false,
      failed: (error) => {
        throw error
      },
      postponed() {},
      worksAgain() {},
    })
    this.checkpoint()
  }

  record(record: StateRecord): void {
    apply(this.state, record)
    this.#batch.push(record)
    this.records += 1
    if (this.#batch.length >= PER_TURN) this.flush()
  }

  flush(): void {
    if (this.#batch.length > 0) this.journal.write(this.#batch)
    this.#batch = []
    for (const session of this.state.dirty) session.dirty = false
    this.state.dirty = []
  }

  checkpoint(): void {
    this.flush()
    this.journal.due = true
    const error = this.journal.checkpoint()
    this.journal.due = false
    if (error) throw error
    this.records = 0
  }

  /** Sessions as they are in the middle of their lives, each in a room of so many. */
  fill(members: number): void {
    for (let i = 0; i < SESSIONS; i++) {
      const session = token(15)
      this.ids.push(session)
      const data = { name: `user ${i}`, token: token(16), joinedAt: 1_700_000_000_000 }
      const room = `room ${Math.floor(i / members)}`
      const identity = { keyHash: token(32), segment: token(16), address: '127.0.0.1', data }
      this.record({ type: 'opened', session, ...identity })
      this.record({ type: 'attached', session, instance: token(16), attempt: 1, received: 0 })
      this.record({ type: 'handled', session, number: 0, crc: 0 })
      const entry = { room, session, data: {}, watches: false }
      this.record({ type: 'joining', home: 0, ...entry })
      this.record({ type: 'homeJoined', slot: 0, ...entry })
      this.record({ type: 'joined', session, room, number: 1 })
    }
    this.flush()
  }

  /** What a message of a client and its answer come to. */
  talk(n: number): void {
    const session = this.ids[n % this.ids.length]!
    const { outbox, handled } = this.state.sessions.get(session)!
    this.record({ type: 'sent', session, frame: frameOf(n) })
    this.record({ type: 'handled', session, number: handled + 1, crc: n })
    if (outbox.end - outbox.base > 2 * WAITING)
      this.record({ type: 'received', session, count: outbox.end - WAITING })
  }
}

function frameOf(n: number): Frame {
  return new Frame(encodeEvent('said', [`user ${n}`, 'x'.repeat(60)]))
}

interface Timed {
  readonly ms: number
  readonly cpuMs: number
}

function timed(call: () => void): Timed {
  const cpu = process.cpuUsage()
  const began = performance.now()
  call()
  const { user, system } = process.cpuUsage(cpu)
  return { ms: Math.round(performance.now() - began), cpuMs: Math.round((user + system) / 1000) }
}

/** @param expected records of turns: with fewer it would be another file than it is called */
function read(what: string, path: string, expected: number): void {
  const state = new WorkerState(0, LIMITS)
  let records = 0
  const { ms, cpuMs } = timed(() => {
    const recovery = recover(path, state)
    if (recovery.kind !== 'recovered' || recovery.tail !== 'clean') throw new Error(JSON.stringify(recovery))
    records = recovery.records
    if (records !== expected) throw new Error(`${what}: ${records} records in the file, not ${expected}`)
  })
  const { size } = statSync(path)
  const per = Math.round(size / state.sessions.size)
  console.log(
    `${what}: ${records} records, ${(size / 1e6).toFixed(1)} MB (${per} bytes per session), ` +
      `${state.sessions.size} sessions read in ${ms} ms (${cpuMs} ms CPU)`,
  )
}

/** A server with this journal, from its start to its first line. */
async function takeOver(what: string, fill: (path: string) => void): Promise<void> {
  const cluster = new Cluster({ app: 'quiet', workers: 1 })
  try {
    await cluster.ready()
    await cluster.crash()
    await cluster.exit
    fill(join(cluster.journal, 'generation-1/slot-0.log'))
    const began = performance.now()
    cluster.again()
    await cluster.ready()
    const ms = Math.round(performance.now() - began)
    const said = cluster.log().filter(({ msg }) => msg === 'the journal was read')
    const [pid] = cluster.workers()
    const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    const { sessions, ms: readMs } = said.at(-1)!
    console.log(
      `${what}: ready ${ms} ms after its start, journal of ${sessions} sessions read in ${readMs} ms, ` +
        `${Math.round(Number(kb) / 1024)} MB at most`,
    )
  } finally {
    await cluster.kill()
  }
}

function sessionsAt(path: string): void {
  mkdirSync(join(path, '..'), { recursive: true })
  const written = new Written(path)
  written.fill(MEMBERS)
  for (let n = 0; n < SESSIONS * WAITING; n++) written.talk(n)
  written.checkpoint()
  written.journal.close()
}

try {
  const checkpointed = join(directory, 'checkpoint.log')
  sessionsAt(checkpointed)
  read('a checkpoint', checkpointed, 0)

  const turns = new Written(join(directory, 'turns.log'))
  turns.fill(MEMBERS)
  for (let n = 0; turns.records < Number(values.records); n++) turns.talk(n)
  turns.flush()
  read('turns', turns.path, turns.records)
  const { ms, cpuMs } = timed(() => turns.checkpoint())
  console.log(`its checkpoint is written in ${ms} ms (${cpuMs} ms CPU)`)

  const crowd = new Written(join(directory, 'crowd.log'))
  crowd.fill(SESSIONS)
  const messages = Math.round(Number(values.deliveries) / SESSIONS)
  for (let n = 1; n <= messages; n++) {
    crowd.record({ type: 'ordered', room: 'room 0', frame: frameOf(n), except: [], at: n })
    if (n % 64 !== 0) continue
    for (const session of crowd.ids) crowd.record({ type: 'received', session, count: n - WAITING })
  }
  crowd.flush()
  read(`one room, ${messages} messages, ${messages * SESSIONS} deliveries`, crowd.path, crowd.records)

  await takeOver('an empty server', () => {})
  await takeOver('the same with sessions', sessionsAt)
} finally {
  rmSync(directory, { recursive: true })
}
