/** A worker whose turns go to a real journal file, and what that file comes to. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Data, parseFrame } from '../../lib/wire/frames.ts'
import { JournalFile, type JournalPorts } from '../../lib/worker/journal-file.ts'
import type { StateRecord } from '../../lib/worker/record.ts'
import { type Recovered, recover } from '../../lib/worker/recovery.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { LIMITS, Peer, settle, TestWorker, type TestWorkerOptions } from './core.ts'
import { digestOf } from './state-digest.ts'

export const MOMENT = { time: 1_000_000, wall: 1_700_000_000_000, monotonic: 5000, boot: 'boot' }

export interface Journaled {
  readonly worker: TestWorker
  readonly file: JournalFile
}

/** @param after called with each batch once it is written */
export function journaled(
  path: string,
  after: (batch: readonly StateRecord[]) => void = () => {},
  ports: Partial<JournalPorts> = {},
  options: TestWorkerOptions = {},
): Journaled {
  const made = writing(path, after, ports, options)
  const error = made.file.checkpoint()
  if (error) throw error
  return made
}

/** What a process runs; it registers its listeners. */
export type App = (worker: TestWorker, file: JournalFile) => void

/** The next process, behind what is in the file. */
export function recoveredWorker(
  path: string,
  app: App = () => {},
  { passedMs = 0, ...options }: TestWorkerOptions & { readonly passedMs?: number } = {},
): Journaled {
  const { state, recovery } = recovered(path)
  const made = writing(path, () => {}, {}, { ...options, state, now: recovery.time + passedMs })
  made.file.resume(recovery.size, recovery.checkpointSize)
  app(made.worker, made.file)
  made.worker.sessions.recover()
  made.worker.due = null
  made.worker.turn.commit()
  return made
}

function writing(
  path: string,
  after: (batch: readonly StateRecord[]) => void,
  ports: Partial<JournalPorts>,
  options: TestWorkerOptions,
): Journaled {
  let file: JournalFile | null = null
  const worker: TestWorker = new TestWorker({
    ...options,
    write: (batch) => {
      file!.write(batch)
      after(batch)
    },
  })
  const { state } = worker
  file = new JournalFile({
    path,
    state,
    about: () => ({ ...MOMENT, slot: 0, epoch: 'epoch', limits: state.limits }),
    now: () => worker.clock.now,
    fsync: false,
    failed: (error) => {
      throw error
    },
    worksAgain() {},
    postponed() {},
    ...ports,
  })
  return { worker, file }
}

export function recovered(path: string): { state: WorkerState; recovery: Recovered } {
  const state = new WorkerState(0, LIMITS)
  const recovery = recover(path, state)
  if (recovery.kind !== 'recovered') throw new Error(JSON.stringify(recovery))
  return { state, recovery }
}

/** What a file with these bytes comes to. */
export function digestOfBytes(path: string, bytes: Uint8Array): string[] {
  writeFileSync(path, bytes)
  return digestOf(recovered(path).state)
}

/** A client that sends again what the next process has not taken. */
export class Returning extends Peer {
  readonly #frames: Data[] = []

  override send(data: Data, link = this.link): void {
    const type = parseFrame(data, 'client')?.type
    if (type === 'event' || type === 'answer') this.#frames.push(data)
    super.send(data, link)
  }

  /** @returns what it read until all is quiet */
  async comeBack(worker: TestWorker): Promise<string[]> {
    this.worker = worker
    const words = await this.connect()
    this.repeat(words)
    await settle(worker)
    return [...words, ...this.read()]
  }

  /** Behind a welcome. */
  repeat(words: readonly string[]): void {
    const taken = Number(/ taken (\d+) /.exec(words[0] ?? '')?.[1] ?? this.#frames.length)
    for (const data of this.#frames.slice(taken)) super.send(data)
  }
}

/** A first process with one client, and those that follow it, each over what the one before has written. */
export async function processes(directory: string, app: App) {
  const path = join(directory, 'slot-0.log')
  const { worker: first, file } = journaled(path)
  app(first, file)
  const client = new Returning(first)
  await client.connect()
  const next = (of: App = app, passedMs = 0): TestWorker => recoveredWorker(path, of, { passedMs }).worker
  return { path, file, first, client, next }
}
