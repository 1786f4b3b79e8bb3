/** The application of all workers: what it does is said by the messages it gets, and it notes all of them. */
import { LimpetError } from '../../lib/wire/codes.ts'
import { encodeEvent, encodeVolatile, Frame } from '../../lib/wire/frames.ts'
import type { Session } from '../../lib/worker/session.ts'
import type { History } from '../support/history.ts'
import type { RoomHistory } from '../support/room-history.ts'
import { contentOf, textOf } from './content.ts'
import { homeOf, type Node, type NodeApp } from './node.ts'
import { streamOf } from './page-notes.ts'

export const WORDS = [
  'say',
  'echo',
  'quiz',
  'slow',
  'beside',
  'aside',
  'others',
  'hint',
  'blink',
  'join',
  'leave',
  'joinSay',
  'rejoin',
  'watch',
  'rename',
  'flood',
  'chatter',
] as const

interface Told {
  readonly id: string
  readonly content: string
}

export interface AppWorld {
  readonly history: History
  readonly rooms: RoomHistory
  newId(): number
  /** Pages that believe they have this session. */
  owners(session: string): readonly string[]
  count(what: string): void
  find(finding: string): void
}

export class App implements NodeApp {
  /** What was sent in each session. */
  readonly told = new Map<string, Told[]>()
  readonly volatiles = new Set<string>()
  readonly #world: AppWorld
  readonly #ended = new Set<string>()

  constructor(world: AppWorld) {
    this.#world = world
  }

  opened(node: Node, session: Session): void {
    const id = this.#world.newId()
    if (id % 3 > 0) this.#join(node, session, id % 3 === 1 ? 'a' : 'b')
  }

  received(_node: Node, session: Session, name: string, args: unknown[]): void {
    const [id, content] = args as [string, unknown]
    const page = id.split(':')[0]!
    if (this.#ended.has(session.id)) this.#world.find(`${session.id} has ended, and its handler got ${id}`)
    this.#world.history.received(streamOf(page, name), id, textOf(content))
  }

  /** One more message for everybody who is there. */
  tellAll(node: Node): void {
    for (const session of node.state.sessions.values()) if (session.link) this.#tell(node, session, 1)
  }

  handled(name: string, args: unknown[]): void {
    const id = String(args[0])
    this.#world.history.handled(streamOf(id.split(':')[0]!, name), id)
  }

  act(node: Node, session: Session, name: string, args: unknown[]): void {
    const room = String(args[2])
    switch (name) {
      case 'say':
      case 'slow':
        return this.#publish(node, session, args)
      case 'others':
        return this.#publish(node, session, args, [session.id])
      case 'hint':
        return this.#hint(node, room)
      case 'echo':
        return this.#tell(node, session, 1)
      case 'flood':
        for (let i = 0; i < 8; i++) this.#tell(node, session, 400)
        return
      case 'chatter':
        for (let i = 0; i < 5; i++) this.#publish(node, session, args)
        return
      case 'quiz':
        return this.#ask(node, session)
      case 'blink':
        return node.emitVolatile(session, 'blink', [this.newVolatile()])
      case 'join':
        return this.#join(node, session, room)
      case 'leave':
        void node.rooms.leave(session, room)
        return
      case 'joinSay':
        this.#join(node, session, room)
        return this.#publish(node, session, args)
      case 'rejoin':
        this.#join(node, session, room)
        void node.rooms.leave(session, room)
        return this.#join(node, session, room)
      case 'watch':
        return this.#join(node, session, room, true)
      case 'rename':
        return this.#rename(node, session)
      case 'bye':
        node.sessions.end(session, 'closed_by_server', '', 'gone')
    }
  }

  volatile(_node: Node, _session: Session, args: unknown[]): void {
    const id = String(args[0])
    if (!this.volatiles.delete(id)) this.#world.find(`${id} came, which nobody sent or which came before`)
    this.#world.count('volatile messages taken')
  }

  ended(_node: Node, session: Session, code: string): void {
    if (this.#ended.has(session.id)) this.#world.find(`${session.id} ended twice`)
    this.#ended.add(session.id)
    this.#world.count(`server ended: ${code}`)
  }

  newVolatile(): string {
    const id = `v${this.#world.newId()}`
    this.volatiles.add(id)
    return id
  }

  #join(node: Node, session: Session, room: string, watches = false): void {
    node.rooms
      .join(session, room, watches)
      .then(() => this.#world.rooms.joinSettled(session.id, room))
      .catch(({ code }: LimpetError) => this.#world.count(`join: ${code}`))
  }

  #rename(node: Node, session: Session): void {
    this.#unlessFull(() => node.rooms.update(session, { name: this.#world.newId() }))
  }

  #publish(node: Node, session: Session, args: unknown[], except: readonly string[] = []): void {
    const [, , room, size] = args as [string, unknown, string, number]
    const id = `p${this.#world.newId()}`
    const standing = session.rooms?.get(room)?.standing
    const reader = standing === 'member' || standing === 'joining' ? session.id : null
    const homeSlot = homeOf(room, node.workers)
    const { order } = this.#world.rooms
    order.published(id, { room, worker: node.name, homeSlot, reader, except })
    const frame = new Frame(
      encodeEvent('heard', [id, contentOf(size, id.endsWith('1') ? 'bytes' : 'text'), room]),
    )
    if (!this.#unlessFull(() => node.rooms.publish(room, frame, except, false))) order.withdrawn(id)
  }

  /** Where too much waits for another worker, it says so. */
  #unlessFull(act: () => void): boolean {
    try {
      act()
      return true
    } catch (error) {
      if (!(error instanceof LimpetError) || error.code !== 'room_unavailable') throw error
      this.#world.count('room_unavailable')
      return false
    }
  }

  #hint(node: Node, room: string): void {
    const frame = new Frame(encodeVolatile('hint', [this.newVolatile(), '', room]))
    this.#unlessFull(() => node.rooms.publish(room, frame, [], true))
  }

  #tell(node: Node, session: Session, size: number): void {
    const id = `s${this.#world.newId()}`
    const content = contentOf(size === 1 ? id.length % 2 : size, id.endsWith('1') ? 'bytes' : 'text')
    const before = session.outbox.end
    node.emit(session, 'told', [id, content])
    // A full outbox takes nothing: the session ends with this turn, and the client is told.
    if (session.outbox.end > before) this.#told(session, id, textOf(content))
  }

  #ask(node: Node, session: Session): void {
    const id = `q${this.#world.newId()}`
    const before = session.outbox.end
    node.ask(session, 'quiz', [id, ''], (answer) => {
      if (answer === null) return
      if (answer !== id) this.#world.find(`${id} was answered with ${String(answer)}`)
      this.#world.count('questions answered by clients')
    })
    if (session.outbox.end > before) this.#told(session, id, '')
  }

  #told(session: Session, id: string, content: string): void {
    const told = this.told.get(session.id)
    if (told) told.push({ id, content })
    else this.told.set(session.id, [{ id, content }])
    for (const page of this.#world.owners(session.id))
      this.#world.history.sent(`→${page}`, id, content, false, session.id)
  }
}
