/** A simulated worker: the real sessions, rooms and homes, with an application that records what it sees. */
import { type AnswerResult, encodeEvent, Frame } from '../../lib/wire/frames.ts'
import { memoryOnly } from '../../lib/worker/journal.ts'
import type { Session, Task } from '../../lib/worker/session.ts'
import { Core, hashOf } from '../support/core.ts'

export interface NodeApp {
  opened(node: Node, session: Session): void
  message(node: Node, session: Session, name: string, args: unknown[]): unknown
  ended(node: Node, session: Session, code: string): void
}

export class Node extends Core {
  readonly epoch: number
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
    super({
      slot,
      now,
      journal: memoryOnly,
      received: busReceived,
      app: {
        hashKey: hashOf,
        newId: ids,
        admit: () => ({ ok: true, data: {} }),
        wire: () => {},
        run: (session, task) => this.#run(app, session, task),
        isConcurrent: (_session, event) => event === 'beside',
        poisoned: () => {},
        refused: () => {},
        ended: () => {},
        homeOf: (room) => room.charCodeAt(0) % workers,
      },
    })
    this.epoch = epoch
    this.#watchRooms(due)
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
