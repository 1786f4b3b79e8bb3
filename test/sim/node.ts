/** A simulated worker: the real sessions, rooms and homes, with an application that records what it sees. */
import { decodeItem } from '../../lib/bus/items.ts'
import { type AnswerResult, encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { Rooms } from '../../lib/worker/room.ts'
import type { Session, Task } from '../../lib/worker/session.ts'
import { Sessions } from '../../lib/worker/sessions.ts'
import { WorkerState } from '../../lib/worker/state.ts'
import { Turn } from '../../lib/worker/turn.ts'

export const LIMITS = {
  graceMs: 20_000,
  helloMs: 3_000,
  payloadBytes: 4096,
  outboxBytes: 16_384,
  takenBytes: 8192,
  roomsPerSession: 3,
  busBytes: 1 << 20,
  history: 10,
  emptyRooms: 10,
}

export interface NodeApp {
  opened(node: Node, session: Session): void
  message(node: Node, session: Session, name: string, args: unknown[]): unknown
  ended(node: Node, session: Session, code: string): void
}

export class Node {
  readonly slot: number
  readonly epoch: number
  readonly state: WorkerState
  readonly turn: Turn
  readonly sessions: Sessions
  readonly rooms: Rooms
  /** A commit waits for the check phase. */
  due: (() => void) | null = null
  /** Items of each stream that have left and are not yet taken: to slot → numbers sent so far. */
  readonly busCursor = new Map<number, number>()
  readonly orderFindings: string[] = []
  /** Handlers that wait for the world. */
  readonly waiting: (() => void)[] = []

  constructor(
    slot: number,
    epoch: number,
    workers: number,
    now: () => number,
    app: NodeApp,
    ids: () => string,
    busReceived: (from: number, count: number) => void,
    due: Map<string, string[]>,
  ) {
    this.slot = slot
    this.epoch = epoch
    this.state = new WorkerState(slot, LIMITS)
    const homeOf = (room: string) => room.charCodeAt(0) % workers
    this.turn = new Turn(this.state, {
      journal: { write() {}, close() {} },
      bus: { flush() {}, received: busReceived },
      defer: (commit) => {
        this.due = commit
      },
      overflowed: (session) => this.sessions.end(session, 'outbox_overflow', '', 'gone'),
      parted: (link) => this.sessions.parted(link),
    })
    this.sessions = new Sessions(
      this.state,
      this.turn,
      LIMITS,
      {
        hashKey: (key) => `hash-of-${key}`,
        newId: ids,
        admit: () => ({ ok: true, data: {} }),
        wire: () => {},
        run: (session, task) => this.#run(app, session, task),
        isConcurrent: (_session, event) => event === 'beside',
        homeOf,
      },
      now,
    )
    this.#watchRooms(due)
    this.rooms = new Rooms(this.sessions, LIMITS, homeOf)
  }

  /** Every member gets the room's numbers without a gap from the one at which it joined. */
  #watchRooms(due: Map<string, string[]>): void {
    const next = new Map<string, number>()
    const record = this.turn.record.bind(this.turn)
    const delivered = (room: string, number: number, frame: Frame): void => {
      const id = String((JSON.parse(String(frame.data).slice(1)) as unknown[])[1])
      for (const session of this.state.rooms.get(room)?.members ?? []) {
        const place = `${session.id}/${room}`
        if (next.get(place) !== number)
          this.orderFindings.push(`${place} got ${number} instead of ${next.get(place)}`)
        next.set(place, number + 1)
        const ids = due.get(place)
        if (ids) ids.push(id)
        else due.set(place, [id])
      }
    }
    this.turn.record = (entry) => {
      record(entry)
      if (entry.type === 'joined') {
        const standing = this.state.sessions.get(entry.session)?.rooms?.get(entry.room)?.standing
        if (standing === 'member') next.set(`${entry.session}/${entry.room}`, entry.number)
      } else if (entry.type === 'delivered') delivered(entry.room, entry.number, entry.frame)
      else if (entry.type === 'ordered')
        delivered(entry.room, this.state.homes.get(entry.room)!.last, entry.frame)
    }
  }

  commit(): void {
    const { due } = this
    this.due = null
    due?.()
  }

  /** @returns false when nothing is on its way to `to` */
  busDeliver(to: Node): boolean {
    const outbox = this.state.outbox(to.slot)
    const next = Math.max(this.busCursor.get(to.slot) ?? 0, outbox.base) + 1
    if (next > outbox.end) return false
    this.busCursor.set(to.slot, next)
    const item = decodeItem(outbox.at(next).data as Uint8Array)
    if (!item) throw new Error('an item that cannot be decoded')
    to.rooms.item(this.slot, next, item)
    return true
  }

  emit(session: Session, name: string, args: unknown[]): void {
    this.sessions.send(session, new Frame(encodeEvent(name, args)))
  }

  #run(app: NodeApp, session: Session, task: Task): AnswerResult | Promise<AnswerResult> {
    const ok: AnswerResult = { ok: true, value: undefined }
    if (task.kind === 'lifecycle') {
      if (task.name === 'open') app.opened(this, session)
      if (task.name === 'close' && session.phase.kind === 'closed')
        app.ended(this, session, session.phase.code)
      return ok
    }
    if (task.kind === 'leave') return ok
    if (task.kind === 'volatile') return ok
    const { name, args } = task.event
    if (name === 'slow') {
      return new Promise((resolve) => {
        this.waiting.push(() =>
          resolve({ ok: true, value: session.closed ? null : app.message(this, session, name, args) }),
        )
      })
    }
    return { ok: true, value: app.message(this, session, name, args) }
  }
}
